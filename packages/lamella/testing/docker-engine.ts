import { mkdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import type { ContainerEngine } from "./container-engine.ts";
import { output, startDaemon } from "./daemon.ts";
import { temporaryFolder } from "./lamella.ts";

/** A Docker engine without images. */
export interface RunningDockerEngine extends ContainerEngine, AsyncDisposable {
  /** Runs Docker's client; its stdout. */
  docker(...args: readonly string[]): Promise<string>;
}

// Debian's own, by path: another client earlier on PATH may be too new to speak with Debian's engine.
const daemonPath = "/usr/sbin/dockerd";
const clientPath = "/usr/bin/docker";

/**
 * Starts Debian's Docker engine with everything in a fresh temporary folder, which ends with the returned object. Its
 * containers have the machine's network; registries on loopback are spoken to without TLS. Needs root.
 */
export async function startDockerEngine(): Promise<RunningDockerEngine> {
  await using starting = new AsyncDisposableStack();
  const { path: folder } = starting.use(await temporaryFolder("lamella-docker-"));
  const socket = join(folder, "socket");
  const address = `unix://${socket}`;
  const args = [
    `--data-root=${join(folder, "data")}`,
    `--exec-root=${join(folder, "exec")}`,
    `--pidfile=${join(folder, "pid")}`,
    `--host=${address}`,
    // The cgroups of containers go with them; a parent of their own would stay.
    "--cgroup-parent=/",
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
  ];
  starting.use(
    await startDaemon(daemonPath, args, {
      logPath: join(folder, "log"),
      isReady: () => dockerAnswers(socket),
    }),
  );
  // Credentials, contexts and proxies of the person whose machine this is are not for tests.
  const config = join(folder, "config");
  await mkdir(config);
  const env = { ...process.env, DOCKER_CONFIG: config };
  const docker = (...more: readonly string[]): Promise<string> =>
    output(clientPath, ["--host", address, ...more], env);
  const running = starting.move();
  return {
    docker,
    pull: async (reference) => {
      await docker("pull", "--quiet", reference);
    },
    run: (reference, command) =>
      docker("run", "--rm", "--pull=never", "--network=host", reference, ...command),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Whether a Docker engine answers at a socket. */
export function dockerAnswers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    request({ socketPath, path: "/_ping", timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .on("error", () => resolve(false))
      .end();
  });
}
