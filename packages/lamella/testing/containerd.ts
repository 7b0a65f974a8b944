import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { ContainerEngine } from "./container-engine.ts";
import { output, startDaemon } from "./daemon.ts";
import { temporaryFolder } from "./lamella.ts";

export type RunningContainerd = ContainerEngine & AsyncDisposable;

// Debian's own, by path.
const daemonPath = "/usr/bin/containerd";
const clientPath = "/usr/bin/ctr";

/**
 * Starts containerd with everything in a fresh temporary folder, which ends with the returned object. Containers are run
 * by runc and have the machine's network; registries are spoken to without TLS. Needs root.
 */
export async function startContainerd(): Promise<RunningContainerd> {
  await using starting = new AsyncDisposableStack();
  const { path: folder } = starting.use(await temporaryFolder("lamella-containerd-"));
  const address = join(folder, "socket");
  const config = join(folder, "config.toml");
  await writeFile(config, configuration(folder, address));
  starting.use(
    await startDaemon(daemonPath, ["--config", config], {
      logPath: join(folder, "log"),
      isReady: () => listens(address),
    }),
  );
  const ctr = (...args: readonly string[]): Promise<string> =>
    output(clientPath, ["--address", address, "--namespace", "test", ...args]);
  const running = starting.move();
  return {
    pull: async (reference) => {
      await ctr("images", "pull", "--plain-http", "--snapshotter=overlayfs", reference);
    },
    run: (reference, command) => {
      const id = `lamella-test-${randomUUID()}`;
      const options = [
        "--rm",
        "--net-host",
        "--snapshotter=overlayfs",
        `--fifo-dir=${join(folder, "fifo")}`,
        `--runc-root=${join(folder, "runc")}`,
        // At the root, so that nothing of it stays: the usual parent, named after the namespace, would.
        `--cgroup=/${id}`,
      ];
      return ctr("run", ...options, reference, id, ...command);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function configuration(folder: string, address: string): string {
  const path = (name: string): string => JSON.stringify(join(folder, name));
  return `
version = 2
root = ${path("root")}
state = ${path("state")}
# Kubernetes' part, and what writes to /opt.
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = ${JSON.stringify(address)}
`;
}

function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
