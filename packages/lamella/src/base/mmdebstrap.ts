import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { BootstrapFailedError, BootstrapUnavailableError } from "./error.ts";
import { finishUnpackedRoot } from "./unpacked-root.ts";

/**
 * The time that mmdebstrap gives to all files (seconds since 1970): 1980-01-02T00:00:00Z, that of all our layers. With it
 * set, Python's bytecode is written with a hash of its source and not with a time, and so is good at every time.
 */
const sourceDateEpoch = 315_619_200;

export interface MmdebstrapOptions {
  readonly suite: string;
  readonly packages: readonly string[];
  /** As Debian names it: `amd64`, `arm64`. */
  readonly architecture: string;
  /** Whether the packages' setup scripts run; this machine can run them if it is of that architecture. */
  readonly configured: boolean;
  /** Lines of a sources.list; mmdebstrap's own where there are none. */
  readonly sources: readonly string[];
  /** The tar to be written. */
  readonly target: string;
  /** A folder for work in progress. */
  readonly temporary: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Told each line that mmdebstrap says. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** What apt needs to reach its archives. Packages' scripts see the environment, so nothing else of the machine's is in it. */
const variables =
  /^(?:PATH|HOME|(?:https?|ftp|no|all)_proxy|SSL_CERT_(?:FILE|DIR)|CURL_CA_BUNDLE)$/i;

function handedOn(env: MmdebstrapOptions["env"]): MmdebstrapOptions["env"] {
  return Object.fromEntries(Object.entries(env).filter(([name]) => variables.test(name)));
}

/**
 * Makes a Debian root filesystem as a tar. Takes some 20 s, root and a network, and no emulator. Raises BootstrapUnavailableError without
 * mmdebstrap or root, and BootstrapFailedError with the end of what it said.
 */
export async function runMmdebstrap(options: MmdebstrapOptions): Promise<void> {
  const { suite, signal } = options;
  signal?.throwIfAborted();
  requireRoot();
  const child = spawn("mmdebstrap", argumentsOf(options), {
    env: {
      ...handedOn(options.env),
      SOURCE_DATE_EPOCH: String(sourceDateEpoch),
      TMPDIR: options.temporary,
      LC_ALL: "C.UTF-8",
      DEBIAN_FRONTEND: "noninteractive",
      // What Python caches of itself while packages are set up says when that was.
      PYTHONDONTWRITEBYTECODE: "1",
    },
    stdio: ["ignore", "ignore", "pipe"],
    // A group of its own, so that apt and dpkg below it end with it.
    detached: true,
  });
  const stop = (): void => endGroup(child.pid);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const exited = once(child, "exit") as Promise<[number | null]>;
    exited.catch(() => undefined);
    const said: string[] = [];
    for await (const line of createInterface(child.stderr)) {
      options.onLine?.(line);
      said.push(line);
      if (said.length > mostLines) said.shift();
    }
    const [code] = await exited;
    signal?.throwIfAborted();
    if (code === 0) return;
    throw new BootstrapFailedError(
      `mmdebstrap could not make ${suite}:\n${said.join("\n")}`,
      "Check the suite's name, and that `apt-get update` works on this machine.",
    );
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new BootstrapUnavailableError(
        "mmdebstrap, which makes Debian base images, is not installed.",
        "Run: apt-get install mmdebstrap",
        { cause: error },
      );
    }
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    if (child.exitCode === null && child.signalCode === null) endGroup(child.pid);
  }
}

/** Lines of an error message. */
const mostLines = 15;

function argumentsOf(options: MmdebstrapOptions): string[] {
  const { architecture, configured, packages, suite, target, sources } = options;
  return [
    ...(configured ? ["--variant=minbase"] : unpackedVariant),
    "--mode=root",
    "--format=tar",
    `--architectures=${architecture}`,
    `--include=${packages.join(",")}`,
    "--",
    suite,
    target,
    ...sources,
  ];
}

/** The packages of `minbase`, unpacked, with /bin, /sbin and /lib as links to those below /usr, as in all others. */
const unpackedVariant: readonly string[] = [
  "--variant=extract",
  "--include=?or(?essential,?priority(required))",
  "--include=apt",
  "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
  `--extract-hook=${finishUnpackedRoot}`,
];

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new BootstrapUnavailableError(
    "Only root can bootstrap a Debian base image: its files have many owners.",
    "Run the command with sudo, on Debian or a system like it, after: apt-get install mmdebstrap",
  );
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGTERM");
  } catch {
    // It has ended already.
  }
}
