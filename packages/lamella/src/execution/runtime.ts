import { execFile } from "node:child_process";
import { lstat, readFile, readlink, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import * as z from "zod/mini";
import type { Store } from "../store/store.ts";
import type { BindMount } from "./bind-mount.ts";
import { cgroupsPath, containerId, removeCgroups } from "./cgroup.ts";
import { enclose } from "./enclosure.ts";
import { ExecutionUnsupportedError } from "./error.ts";
import { prepareOciContainer } from "./oci-runtime.ts";
import { prepareRootfs } from "./rootfs.ts";
import { systemEnvironment } from "./system-environment.ts";
import { mappedIds } from "./user-namespace.ts";

/** What runs containers on this machine. */
export type Runtime =
  | {
      readonly kind: "oci";
      readonly executable: string;
      /** Whether it can leave the container to us when its process has ended, so that we can see what the kernel counted. */
      readonly keeps?: boolean;
    }
  | { readonly kind: "namespaces" };

const trialSchema = z.object({ works: z.boolean(), keeps: z.boolean() });

/** Programs with runc's command line, by preference. */
const ociRuntimes: readonly string[] = ["runc", "crun"];

export interface FindRuntimeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Programs to try instead of runc and crun: names, or absolute paths. */
  readonly programs?: readonly string[] | undefined;
}

/**
 * Finds a runtime by running a container with each: whether one works is known only then (crun 1.8 does not with
 * cgroups in hybrid mode). Where none does, containers are made of namespaces by util-linux. What was found is
 * remembered until the next start of the machine, or a change of the program.
 */
export async function findRuntime(
  store: Store,
  options: FindRuntimeOptions = {},
): Promise<Runtime> {
  const { programs = ociRuntimes, signal } = options;
  requireRoot();
  const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  for (const executable of await executables(programs)) {
    const { size, mtimeMs } = await stat(executable);
    const key = ["works 4", boot, mappedIds(), store.root, executable, size, mtimeMs].join("\n");
    const remembered = await store.memos.get("container-runtime", key, (value) =>
      trialSchema.parse(value),
    );
    const found = remembered ?? {
      works: await tryRuntime(executable, store, signal),
      keeps: await hasKeep(executable),
    };
    if (remembered === undefined) await store.memos.put("container-runtime", key, found);
    if (found.works) return { kind: "oci", executable, keeps: found.keeps };
  }
  return { kind: "namespaces" };
}

/** Raises {@link ExecutionUnsupportedError} where containers cannot be run at all. */
export function requireLinux(): void {
  if (process.platform !== "linux") {
    throw new ExecutionUnsupportedError(
      `Containers run on Linux only, and this is ${process.platform}.`,
      "Run the image where there is Linux: lamella run on such a machine, or docker run.",
    );
  }
}

/** Raises {@link ExecutionUnsupportedError} where this process cannot run containers itself. */
export function requireRoot(): void {
  requireLinux();
  if (process.geteuid?.() !== 0) {
    throw new ExecutionUnsupportedError(
      "Only root can run containers so far.",
      "Run the command with sudo, or the image with docker or podman.",
    );
  }
}

async function executables(programs: readonly string[]): Promise<string[]> {
  const folders = systemEnvironment["PATH"]?.split(":") ?? [];
  const found = programs.map(async (program) => {
    for (const path of folders.map((folder) => resolve(folder, program))) {
      if (
        await stat(path).then(
          (stats) => stats.isFile(),
          () => false,
        )
      )
        return [path];
    }
    return [];
  });
  return (await Promise.all(found)).flat();
}

/** Runs the host's own `true`, on a root filesystem that has nothing but the host's programs. */
async function tryRuntime(
  executable: string,
  store: Store,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  signal?.throwIfAborted();
  await using scratch = await store.scratch("runtime");
  const rootfs = await prepareRootfs(
    [],
    { files: [], workdir: "/", mountPoints: [] },
    scratch.path,
  );
  const id = containerId(store, scratch);
  const process = {
    args: ["/bin/sh", "-c", "exit 42"],
    env: systemEnvironment,
    workdir: "/",
    user: { uid: 0, gid: 0, additionalGids: [], home: "/" },
  };
  const spec = {
    process,
    rootfs: rootfs.path,
    cgroupsPath: cgroupsPath(id),
    isFirst: true,
    binds: await hostPrograms(),
  };
  const invocation = prepareOciContainer({ executable }, id, spec, {
    memory: rootfs.memory,
    log: join(scratch.path, "log.json"),
  });
  await using _ = { [Symbol.asyncDispose]: () => removeCgroups(id) };
  await using trial = enclose(rootfs, invocation, "ignore");
  const onAbort = (): void => void trial.kill();
  signal?.addEventListener("abort", onAbort);
  try {
    const code = await trial.exited;
    signal?.throwIfAborted();
    return code === 42;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

async function hostPrograms(): Promise<BindMount[]> {
  const folders = ["/usr", "/bin", "/lib", "/lib32", "/lib64"].map(async (path) => {
    const stats = await lstat(path).catch(() => undefined);
    if (stats === undefined) return [];
    // Where /bin is a link to usr/bin, what it leads to stands in its place.
    const source = stats.isSymbolicLink() ? join("/", await readlink(path)) : path;
    return [{ destination: path, source, writable: false }];
  });
  return (await Promise.all(folders)).flat();
}

/** Since runc 1.1. */
async function hasKeep(executable: string): Promise<boolean> {
  const asked = promisify(execFile)(executable, ["run", "--help"], { env: systemEnvironment });
  return await asked.then(
    ({ stdout }) => stdout.includes("--keep"),
    () => false,
  );
}
