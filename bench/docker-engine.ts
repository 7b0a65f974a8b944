import { join } from "node:path";
import { dockerAnswers } from "../packages/lamella/testing/docker-engine.ts";
import { run, startServer } from "./process.ts";

/** A Docker engine that has no image: a second machine, as far as images are concerned. */
export interface DockerEngine extends AsyncDisposable {
  /** Seconds that pulling an image takes. */
  pull(reference: string): Promise<number>;
  /** Seconds from asking for a container of the image until its command has ended and the container is removed. */
  start(reference: string, command: readonly string[]): Promise<number>;
}

/** Starts Debian's Docker engine in an empty folder. Its containers have the machine's network. Needs root. */
export async function startDockerEngine(
  folder: string,
  signal: AbortSignal,
): Promise<DockerEngine> {
  const socket = join(folder, "socket");
  const address = `unix://${socket}`;
  const server = await startServer(
    "dockerd",
    [
      `--data-root=${join(folder, "data")}`,
      `--exec-root=${join(folder, "exec")}`,
      `--host=${address}`,
      `--pidfile=${join(folder, "pid")}`,
      "--bridge=none",
      "--iptables=false",
      "--ip6tables=false",
    ],
    { logPath: join(folder, "log"), isReady: () => dockerAnswers(socket), signal },
  );
  const docker = async (...args: string[]): Promise<number> => {
    const { seconds } = await run("docker", ["--host", address, ...args], { signal });
    return seconds;
  };
  return {
    pull: (reference) => docker("pull", "--quiet", reference),
    start: (reference, command) => docker("run", "--rm", "--network=host", reference, ...command),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
