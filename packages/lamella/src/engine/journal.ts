import type { LamellaError } from "../error.ts";
import type { Platform } from "../image/platform.ts";
import type { BuildEvent, TaskKind, TaskOutcome } from "./event.ts";
import { Redactor } from "./secrets/redactor.ts";

/** An event without its time: the journal adds that. */
type Untimed<E> = E extends unknown ? Omit<E, "at"> : never;

/** A task under way. The first `finish` or `fail` ends it; what comes after is ignored. */
export interface RunningTask {
  /** `done` bytes of `total`; reported at most every {@link progressInterval} milliseconds. */
  progress(done: number, total?: number): void;
  /** A line that a command wrote. */
  output(stream: "stdout" | "stderr", text: string): void;
  finish(outcome: TaskOutcome, more?: { readonly detail?: string; readonly bytes?: number }): void;
  fail(error: unknown): void;
}

/** Milliseconds between two progress events of one task. */
const progressInterval = 80;

/** Writes a build's events: gives each its time, and each task its number. */
export class Journal {
  /** Takes out of every event what it was told of. */
  readonly redactor: Redactor = new Redactor();
  readonly #emit: (event: BuildEvent) => void;
  readonly #began = performance.now();
  #tasks = 0;
  #stopped = false;

  constructor(emit: (event: BuildEvent) => void) {
    this.#emit = emit;
  }

  /** Milliseconds since the build began. */
  get elapsed(): number {
    return Math.round(performance.now() - this.#began);
  }

  write(event: Untimed<BuildEvent>): void {
    this.#emit(this.redactor.data({ at: this.elapsed, ...event }));
  }

  warn(code: string, message: string, hint?: string): void {
    this.write({ kind: "warning", code, message, ...(hint === undefined ? {} : { hint }) });
  }

  /** Says that the build is being stopped: tasks that end from now on have no failure of their own. */
  stop(): void {
    this.#stopped = true;
  }

  /** Ends the stream: nothing follows. */
  failed(error: LamellaError | Error): void {
    const code = "code" in error && typeof error.code === "string" ? error.code : "internal";
    const hint = "hint" in error && typeof error.hint === "string" ? { hint: error.hint } : {};
    this.write({ kind: "failed", code, message: error.message, ...hint });
  }

  start(
    kind: TaskKind,
    name: string,
    more: { readonly platform?: Platform; readonly total?: number } = {},
  ): RunningTask {
    const id = ++this.#tasks;
    let reported = Number.NEGATIVE_INFINITY;
    let ended = false;
    const end = (event: Untimed<BuildEvent>): void => {
      if (!ended) this.write(event);
      ended = true;
    };
    this.write({ kind: "task-started", task: { id, kind, name, ...more } });
    return {
      progress: (done, total) => {
        const now = performance.now();
        if (ended || now - reported < progressInterval) return;
        reported = now;
        this.write({ kind: "task-progress", id, done, ...(total === undefined ? {} : { total }) });
      },
      output: (stream, text) => {
        if (!ended) this.write({ kind: "task-output", id, stream, text });
      },
      finish: (outcome, rest = {}) => end({ kind: "task-finished", id, outcome, ...rest }),
      fail: (error) => {
        const own = error instanceof Error ? error.message : String(error);
        const message = this.#stopped ? "The build was stopped." : own;
        end({ kind: "task-failed", id, message });
      },
    };
  }

  /** Runs `work` as a task: done when it returns, unless it said its outcome itself, and failed when it throws. */
  async task<T>(
    kind: TaskKind,
    name: string,
    work: (task: RunningTask) => Promise<T>,
    more: { readonly platform?: Platform; readonly total?: number } = {},
  ): Promise<T> {
    const task = this.start(kind, name, more);
    try {
      const result = await work(task);
      task.finish("done");
      return result;
    } catch (error) {
      task.fail(error);
      throw error;
    }
  }
}
