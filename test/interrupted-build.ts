import { once } from "node:events";
import { open, readdir, readFile, readlink } from "node:fs/promises";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import type { BuildEvent, TaskKind } from "../packages/lamella/src/engine/event.ts";
import { lamellaCli, startLamella } from "../packages/lamella/testing/lamella.ts";
import type { Project, RunOptions } from "./project.ts";

/**
 * When to interrupt: at the first event of a kind (of a task, in the words `task-started push`), after milliseconds, or
 * milliseconds after so many events.
 */
export type Moment = string | number | { readonly events: number; readonly milliseconds: number };

/** A build that was sent a signal, after its process has ended. */
export interface InterruptedBuild {
  /** Whether the moment came, and the signal was sent; by then the process may have ended by itself. */
  readonly interrupted: boolean;
  /** Absent when a signal ended it. */
  readonly code: number | null;
  readonly stderr: string;
  /** What was emitted, as far as it got through. */
  readonly events: readonly BuildEvent[];
  /** The command lines of what it started and left behind for good. */
  readonly orphans: readonly string[];
}

/** Milliseconds that a process has to notice that nobody needs it any more. */
const patience = 20_000;

/** Runs `lamella build image.ts` and sends it a signal at a moment. Needs root; `program` may give that up. */
export async function interruptedBuild(
  { folder, store }: Pick<Project, "folder" | "store">,
  signal: "SIGKILL" | "SIGINT",
  moment: Moment,
  { env = {}, program = [process.execPath, lamellaCli] }: Pick<RunOptions, "env" | "program"> = {},
): Promise<InterruptedBuild> {
  const child = startLamella(["build", "image.ts", "--progress", "json"], {
    cwd: folder,
    env: { ...env, LAMELLA_HOME: store },
    // All that it starts is in a namespace of its own too, however it is detached: so it can be found again.
    program: ["unshare", "--uts", ...program],
  });
  const { stdout, stderr, pid } = child;
  if (!stdout || !stderr || pid === undefined) throw new Error("The command did not start.");
  const ended = once(child, "exit");
  const said = text(stderr);
  await using namespaces = new AsyncDisposableStack();
  let interrupting: Promise<HeldNamespace> | undefined;
  const interrupt = async (): Promise<void> => {
    interrupting ??= holdNamespace(pid);
    await interrupting;
    child.kill(signal);
  };
  using timers = new DisposableStack();
  if (typeof moment === "number") timers.use(after(moment, interrupt));
  const events: BuildEvent[] = [];
  const kinds = new Map<number, TaskKind>();
  for await (const line of createInterface(stdout)) {
    const event = parse(line);
    if (!event) break;
    events.push(event);
    if (event.kind === "task-started") kinds.set(event.task.id, event.task.kind);
    if (typeof moment === "string") {
      if (!interrupting && namesOf(event, kinds).includes(moment)) await interrupt();
    } else if (typeof moment === "object" && moment.events === events.length) {
      timers.use(after(moment.milliseconds, interrupt));
    }
  }
  await ended;
  const namespace = interrupting && namespaces.use(await interrupting);
  return {
    interrupted: namespace !== undefined,
    code: child.exitCode,
    stderr: await said,
    events,
    orphans: namespace ? await remaining(namespace) : [],
  };
}

/** The kinds of an event that {@link Moment} speaks of. */
function namesOf(event: BuildEvent, kinds: ReadonlyMap<number, TaskKind>): string[] {
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

/** A UTS namespace that is kept from ending, so that no later one gets its number. */
interface HeldNamespace extends AsyncDisposable {
  /** As the links in `/proc` have it; undefined for a process that has ended, or has no namespace of its own yet. */
  readonly name: string | undefined;
}

async function holdNamespace(pid: number): Promise<HeldNamespace> {
  const path = `/proc/${pid}/ns/uts`;
  const file = await open(path).catch(() => undefined);
  const name = await readlink(path).catch(() => undefined);
  return {
    name: name === (await readlink("/proc/self/ns/uts")) ? undefined : name,
    [Symbol.asyncDispose]: async () => file?.close(),
  };
}

/** What is in a namespace and does not end in time. */
async function remaining({ name }: HeldNamespace): Promise<readonly string[]> {
  if (name === undefined) return [];
  for (const end = performance.now() + patience; ; await delay(10)) {
    const found = await processesIn(name);
    if (found.length === 0 || performance.now() > end) return found;
  }
}

async function processesIn(namespace: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    if ((await readlink(`/proc/${pid}/ns/uts`).catch(() => undefined)) !== namespace) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
    // Empty for one that has ended and was not waited for yet.
    if (command !== "") found.push(command.replaceAll("\0", " ").slice(0, 80));
  }
  return found;
}
