import type { StdioOptions } from "node:child_process";
import { join } from "node:path";
import type { ScratchDirectory } from "../store/session.ts";
import type { Store } from "../store/store.ts";
import type { BindMount } from "./bind-mount.ts";
import {
  cgroupsPath,
  containerId,
  createMemoryCgroup,
  outOfMemoryKills,
  removeCgroups,
} from "./cgroup.ts";
import type { ContainerProcess } from "./container-process.ts";
import { type Enclosed, enclose } from "./enclosure.ts";
import { findMountPoint, type MountPoint } from "./mount-point.ts";
import { prepareNamespaces } from "./namespaces.ts";
import { prepareOciContainer } from "./oci-runtime.ts";
import type { PreparedContainer } from "./prepared-container.ts";
import type { PrivateFile } from "./private-file.ts";
import { machineFiles, prepareRootfs, type Rootfs } from "./rootfs.ts";
import type { Runtime } from "./runtime.ts";
import type { Snapshot } from "./snapshot.ts";
import type { WantedMount } from "./step-mount.ts";

export interface ContainerOptions {
  /** The image's layers, lowest first. */
  readonly snapshots: readonly Snapshot[];
  readonly process: ContainerProcess;
  readonly runtime: Runtime;
  readonly store: Store;
  /** Empty, and there until the container was disposed of. */
  readonly scratch: ScratchDirectory;
  /** Beside what every container has. */
  readonly mounts?: readonly WantedMount[];
  /** Files in memory that `mounts` name. */
  readonly privateFiles?: readonly PrivateFile[];
  /** Whether all its other processes end with the command, which gets no signals then. */
  readonly isFirst: boolean;
  /** Bytes of memory that all its processes may have together. */
  readonly memory?: number | undefined;
  readonly stdio: StdioOptions;
  readonly signal?: AbortSignal | undefined;
}

/** A running container. Disposed of, it has ended, and nothing is left of it but its scratch folder. */
export interface Container extends AsyncDisposable {
  readonly rootfs: Rootfs;
  readonly running: Enclosed;
  /** To be asked after it ended: why its command could not be started; undefined for one that ran. */
  readonly failure: () => Promise<Error | undefined>;
  /**
   * To be asked after it ended: how many of its processes the kernel ended for want of memory; undefined where nobody has
   * counted.
   */
  readonly outOfMemoryKills: () => Promise<number | undefined>;
}

/**
 * Starts a process in a root filesystem of snapshots. Raises MountError, ToolMissingError, and ExecutionUnsupportedError
 * where memory cannot be limited.
 */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const { snapshots, process, store, scratch, stdio, signal } = options;
  const { mounts = [], privateFiles = [] } = options;
  const mountPoints = await Promise.all(
    mounts.map(({ destination, type }) => findMountPoint(snapshots, destination, type)),
  );
  const machine = { files: await machineFiles(), workdir: process.workdir, mountPoints };
  const rootfs = await prepareRootfs(snapshots, machine, scratch.path);
  const id = containerId(store, scratch);
  const binds = mounts.map(({ source, writable }, index): BindMount => {
    const { path } = mountPoints[index] as MountPoint;
    const from = "path" in source ? source.path : join(rootfs.memory, source.privateFile);
    return { source: from, destination: `/${path}`, writable };
  });
  const prepared = await prepareContainer(options, rootfs, id, binds);
  signal?.throwIfAborted();
  const running = enclose(
    rootfs,
    { ...prepared, privateFiles: [...prepared.privateFiles, ...privateFiles] },
    stdio,
  );
  return {
    rootfs,
    running,
    failure: prepared.failure,
    outOfMemoryKills: () => outOfMemoryKills(id),
    [Symbol.asyncDispose]: async () => {
      await running[Symbol.asyncDispose]();
      await removeCgroups(id);
    },
  };
}

async function prepareContainer(
  { runtime, process, scratch, isFirst, memory }: ContainerOptions,
  rootfs: Rootfs,
  id: string,
  binds: readonly BindMount[],
): Promise<PreparedContainer> {
  if (runtime.kind === "namespaces") {
    const cgroup = memory === undefined ? undefined : await createMemoryCgroup(id, memory);
    return prepareNamespaces(process, rootfs, { binds, cgroup });
  }
  const spec = {
    process,
    rootfs: rootfs.path,
    cgroupsPath: cgroupsPath(id),
    binds,
    isFirst,
    memory,
  };
  const log = join(scratch.path, "log.json");
  return prepareOciContainer(runtime, id, spec, { memory: rootfs.memory, log });
}
