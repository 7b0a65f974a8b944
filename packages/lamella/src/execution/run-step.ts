import type { Layer } from "../oci/descriptor.ts";
import { entryTime } from "../oci/tar-header.ts";
import { type ContainerOptions, startContainer } from "./container.ts";
import { type ContainerProcess, containerProcess } from "./container-process.ts";
import type { Enclosed } from "./enclosure.ts";
import { readStackFile } from "./layer-stack.ts";
import { OutputTail } from "./output-tail.ts";
import type { Rootfs } from "./rootfs.ts";
import { findRuntime } from "./runtime.ts";
import { type Snapshot, unpackSnapshots } from "./snapshot.ts";
import type { StepOptions, StepProcess } from "./step.ts";
import { stepFailure, stepTimeout } from "./step-failure.ts";
import { writeStepLayer } from "./step-layer.ts";
import { lockCaches, prepareMounts } from "./step-mount.ts";
import { resolveUser } from "./user.ts";

// Of a command that failed, for the error.
const lastLines = 20;

/** `executeStep` by this process, which is root and may mount. */
export async function runStep(options: StepOptions): Promise<Layer | undefined> {
  const { layers, mounts = [], store, signal, onProgress, onUnpacked, discard = false } = options;
  signal?.throwIfAborted();
  const snapshots = await unpackSnapshots(layers, store, { signal, onProgress });
  onUnpacked?.();
  const runtime = options.runtime ?? (await findRuntime(store, { signal }));
  const init = await stepProcess(options.process, snapshots);

  await using _ = await lockCaches(mounts, store, { signal });
  await using scratch = await store.scratch("step");
  const rootfs = await runToEnd(options, {
    snapshots,
    process: init,
    runtime,
    scratch,
    ...(await prepareMounts(mounts, { user: init.user, snapshots, store })),
  });
  return discard ? undefined : await writeStepLayer(rootfs, store, { signal });
}

/** Runs the command, and gives the root filesystem once nothing runs in it any more. */
async function runToEnd(
  options: StepOptions,
  how: Omit<ContainerOptions, "store" | "stdio" | "signal" | "isFirst" | "memory">,
): Promise<Rootfs> {
  const { store, signal, onOutput, limits = {} } = options;
  await using container = await startContainer({
    ...how,
    store,
    isFirst: true,
    memory: limits.memory,
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  const { running, rootfs } = container;
  const ends = [signal, limits.timeout === undefined ? [] : AbortSignal.timeout(limits.timeout)];
  const end = AbortSignal.any(ends.flatMap((one) => one ?? []));
  await using _ = killedBy(running, end);
  const tail = new OutputTail();
  const pass = async (stream: "stdout" | "stderr"): Promise<void> => {
    for await (const chunk of (running[stream] ?? []) as AsyncIterable<Uint8Array>) {
      tail.write(chunk);
      onOutput?.(stream, chunk);
    }
  };
  const [code] = await Promise.all([running.exited, pass("stdout"), pass("stderr")]);
  signal?.throwIfAborted();
  if (code === 0) return rootfs;
  const { args } = options.process;
  const last = tail.lines(lastLines);
  if (end.aborted && limits.timeout !== undefined) throw stepTimeout(args, limits.timeout, last);
  const failure = await container.failure();
  if (failure !== undefined) throw failure;
  throw await stepFailure({
    args,
    exitCode: code,
    lastLines: last,
    outOfMemoryKills: await container.outOfMemoryKills(),
    memory: limits.memory,
    folder: store.root,
  });
}

function killedBy(running: Enclosed, signal: AbortSignal): AsyncDisposable {
  const kill = (): void => void running.kill();
  if (signal.aborted) kill();
  signal.addEventListener("abort", kill);
  return { [Symbol.asyncDispose]: async () => signal.removeEventListener("abort", kill) };
}

async function stepProcess(
  process: StepProcess,
  snapshots: readonly Snapshot[],
): Promise<ContainerProcess> {
  const [passwd = "", group = ""] = await Promise.all([
    readStackFile(snapshots, "etc/passwd"),
    readStackFile(snapshots, "etc/group"),
  ]);
  return containerProcess(
    {},
    {
      command: process.args,
      // What obeys it (reproducible-builds.org/specs/source-date-epoch) writes the time that files have in a layer.
      env: { SOURCE_DATE_EPOCH: String(entryTime), ...process.env },
      workdir: process.workdir,
      user: resolveUser(process.user ?? "", passwd, group),
    },
  );
}
