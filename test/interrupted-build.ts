import { once } from "node:events";
import { readdir, readFile, readlink } from "node:fs/promises";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { BuildEvent, TaskKind } from "../packages/lamella/src/engine/event.ts";
import { lamellaCli, startLamella } from "../packages/lamella/testing/lamella.ts";
import type { Project } from "./project.ts";

/** When to interrupt: at the first event of a kind (of a task, in the words `task-started push`), or after milliseconds. */
export type Moment = string | number;

/** A build that was sent a signal, after its process has ended. */
export interface InterruptedBuild {
  /** Whether the signal was sent before the process ended by itself. */
  readonly interrupted: boolean;
  /** Absent when a signal ended it. */
  readonly code: number | null;
  readonly stderr: string;
  /** What was emitted, as far as it got through. */
  readonly events: readonly BuildEvent[];
  /** The command lines of what it started and left behind. */
  readonly orphans: () => Promise<readonly string[]>;
}

/** Runs `lamella build image.ts` and sends it a signal at a moment. Needs root. */
export async function interruptedBuild(
  { folder, store }: Pick<Project, "folder" | "store">,
  signal: "SIGKILL" | "SIGINT",
  moment: Moment,
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly args?: readonly string[];
  } = {},
): Promise<InterruptedBuild> {
  const child = startLamella(["build", "image.ts", "--progress", "json", ...(options.args ?? [])], {
    cwd: folder,
    env: { ...options.env, LAMELLA_HOME: store },
    // All that it starts is in a namespace of its own too, however it is detached: so it can be found again.
    program: ["unshare", "--uts", process.execPath, lamellaCli],
  });
  const { stdout, stderr, pid } = child;
  if (!stdout || !stderr || pid === undefined) throw new Error("The command did not start.");
  const ended = once(child, "exit");
  const said = text(stderr);
  let namespace: string | undefined;
  let interrupted = false;
  const interrupt = async (): Promise<void> => {
    namespace ??= await namespaceOf(pid);
    interrupted = child.kill(signal);
  };
  using _ = typeof moment === "number" ? after(moment, interrupt) : undefined;
  const events: BuildEvent[] = [];
  const kinds = new Map<number, TaskKind>();
  for await (const line of createInterface(stdout)) {
    const event = parse(line);
    if (!event) break;
    events.push(event);
    if (event.kind === "task-started") kinds.set(event.task.id, event.task.kind);
    if (!interrupted && momentsOf(event, kinds).includes(moment)) await interrupt();
  }
  await ended;
  return {
    interrupted,
    code: child.exitCode,
    stderr: await said,
    events,
    orphans: async () => (namespace === undefined ? [] : await processesIn(namespace)),
  };
}

/** The kinds of an event that {@link Moment} speaks of. */
function momentsOf(event: BuildEvent, kinds: ReadonlyMap<number, TaskKind>): Moment[] {
  const task = "task" in event ? event.task.id : "id" in event ? event.id : undefined;
  const kind = task === undefined ? undefined : kinds.get(task);
  return kind === undefined ? [event.kind] : [event.kind, `${event.kind} ${kind}`];
}

/** Undefined for a line that was cut off. */
function parse(line: string): BuildEvent | undefined {
  try {
    return JSON.parse(line) as BuildEvent;
  } catch {
    return undefined;
  }
}

function after(milliseconds: number, work: () => Promise<void>): Disposable {
  const timer = setTimeout(() => void work(), milliseconds);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/** The UTS namespace of a process; undefined where it is this process's own. */
async function namespaceOf(pid: number | "self"): Promise<string | undefined> {
  const namespace = await readlink(`/proc/${pid}/ns/uts`).catch(() => undefined);
  return pid !== "self" && namespace === (await namespaceOf("self")) ? undefined : namespace;
}

async function processesIn(namespace: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || (await namespaceOf(Number(pid))) !== namespace) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
    // Empty for one that has ended and was not waited for yet.
    if (command !== "") found.push(command.replaceAll("\0", " ").slice(0, 80));
  }
  return found;
}
