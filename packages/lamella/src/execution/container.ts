import type { StdioOptions } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ScratchDirectory } from "../store/session.ts";
import type { Store } from "../store/store.ts";
import { cgroupsPath, containerId, removeCgroups } from "./cgroup.ts";
import type { ContainerProcess } from "./container-process.ts";
import { type Enclosed, enclose } from "./enclosure.ts";
import { prepareNamespaces } from "./namespaces.ts";
import { prepareOciContainer } from "./oci-runtime.ts";
import type { PreparedContainer } from "./prepared-container.ts";
import { machineFiles, prepareRootfs, type Rootfs } from "./rootfs.ts";
import type { Runtime } from "./runtime.ts";
import type { Snapshot } from "./snapshot.ts";

export interface ContainerOptions {
  /** The image's layers, lowest first. */
  readonly snapshots: readonly Snapshot[];
  readonly process: ContainerProcess;
  readonly runtime: Runtime;
  readonly store: Store;
  /** Empty, and there until the container was disposed of. */
  readonly scratch: ScratchDirectory;
  readonly stdio: StdioOptions;
  readonly signal?: AbortSignal | undefined;
}

/** A running container. Disposed of, it has ended, and nothing is left of it but its scratch folder. */
export interface Container extends AsyncDisposable {
  readonly rootfs: Rootfs;
  readonly running: Enclosed;
  /** To be asked after it ended: why its command could not be started; undefined for one that ran. */
  readonly failure: () => Promise<Error | undefined>;
}

/** Starts a process in a root filesystem of snapshots. Raises MountError, ToolMissingError. */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const { snapshots, process, store, scratch, stdio, signal } = options;
  const machine = { files: await machineFiles(), workdir: process.workdir };
  const rootfs = await prepareRootfs(snapshots, machine, scratch.path);
  const id = containerId(store, scratch);
  const prepared = await prepareContainer(options, rootfs.path, id);
  signal?.throwIfAborted();
  const running = enclose(rootfs, prepared, stdio);
  return {
    rootfs,
    running,
    failure: prepared.failure,
    [Symbol.asyncDispose]: async () => {
      await running[Symbol.asyncDispose]();
      // A runtime that ends in peace does this itself.
      await removeCgroups(id);
    },
  };
}

async function prepareContainer(
  { runtime, process, scratch }: ContainerOptions,
  rootfs: string,
  id: string,
): Promise<PreparedContainer> {
  if (runtime.kind === "namespaces") return prepareNamespaces(process, rootfs);
  const folder = join(scratch.path, "container");
  await mkdir(folder);
  const spec = { process, rootfs, cgroupsPath: cgroupsPath(id) };
  return await prepareOciContainer(runtime.executable, id, spec, folder);
}
