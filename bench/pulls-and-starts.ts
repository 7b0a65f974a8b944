import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import type { ContenderName } from "./contender.ts";
import { type DockerEngine, startDockerEngine } from "./docker-engine.ts";
import type { MeasureName } from "./measure.ts";
import type { ScratchFolder } from "./scratch-folder.ts";
import { settle } from "./settle.ts";

/** The images of one contender, as references for Docker. */
export interface Images {
  readonly name: ContenderName;
  /** Where they are. */
  readonly registry: RunningRegistry;
  readonly cold: string;
  /** With one package more. */
  readonly more: string;
}

export interface PullOptions {
  readonly scratch: ScratchFolder;
  /** The Python module whose import is started. */
  readonly module: string;
  /** Whether starts are measured after the pulls. */
  readonly starts: boolean;
  readonly signal: AbortSignal;
  readonly record: (measure: MeasureName, contender: ContenderName, value: number) => void;
}

/** How often each program is started. */
const startCount = 7;

/** Images, and the engine that uses them and no others. */
interface Node extends Images {
  readonly engine: DockerEngine;
}

/**
 * Has an engine with an empty store for each contender pull its first image, then the one with a package more, and start
 * programs in the first.
 */
export async function measurePullsAndStarts(
  images: readonly Images[],
  options: PullOptions,
): Promise<void> {
  const { scratch, signal } = options;
  await using engines = new AsyncDisposableStack();
  const nodes: Node[] = [];
  for (const one of images) {
    const folder = await scratch.folder(`${one.name}-engine`);
    nodes.push({ ...one, engine: engines.use(await startDockerEngine(folder, signal)) });
  }
  for (const node of nodes) await pull(node, node.cold, "pullCold", "pullColdBytes", options);
  for (const node of nodes) await pull(node, node.more, "pullAddOne", "pullAddOneBytes", options);
  if (!options.starts) return;
  await start(nodes, "start", "pass", options);
  await start(nodes, "startImport", `import ${options.module}`, options);
}

async function pull(
  { name, registry, engine }: Node,
  reference: string,
  seconds: MeasureName,
  bytes: MeasureName,
  { signal, record }: PullOptions,
): Promise<void> {
  const { length } = await registry.accessLog();
  await settle(signal);
  record(seconds, name, await engine.pull(reference));
  const requests = (await registry.accessLog()).slice(length);
  record(
    bytes,
    name,
    requests.reduce((sum, request) => sum + request.bytes, 0),
  );
}

async function start(
  nodes: readonly Node[],
  measure: MeasureName,
  program: string,
  { record }: PullOptions,
): Promise<void> {
  const command = ["python", "-c", program];
  // The first one reads the files from the disk.
  for (const { engine, cold } of nodes) await engine.start(cold, command);
  for (let count = 0; count < startCount; count++) {
    for (const { name, engine, cold } of nodes) {
      record(measure, name, await engine.start(cold, command));
    }
  }
}
