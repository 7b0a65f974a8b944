import type { Platform } from "../../image/platform.ts";
import type { Journal, RunningTask } from "../journal.ts";

/** Compressed bytes that are unpacked before anybody could read that they are: what a step above the last one finds. */
const unnoticed = 1024 * 1024;

/**
 * The unpacking of layers, as a task of its own: of a large base it takes longer than many a command. Where next to nothing
 * has to be unpacked there is no task.
 */
export class Unpacking {
  readonly #journal: Journal;
  readonly #about: { readonly platform?: Platform };
  #task: RunningTask | undefined;
  #done = 0;
  #isOver = false;

  constructor(journal: Journal, about: { readonly platform?: Platform }) {
    this.#journal = journal;
    this.#about = about;
  }

  /** Another piece of a layer was unpacked; `bytes` is its length in the blob. */
  progress(bytes: number): void {
    this.#done += bytes;
    if (this.#done >= unnoticed) {
      this.#task ??= this.#journal.start("unpack", "layers below commands", this.#about);
    }
    this.#task?.progress(this.#done);
  }

  /** All is unpacked. */
  end(): void {
    this.#isOver = true;
    this.#task?.finish("done", { bytes: this.#done });
  }

  /** Says that it is not done for this reason, unless it is. Returns whether there was a task to say so. */
  fail(error: unknown): boolean {
    if (this.#isOver || this.#task === undefined) return false;
    this.#task.fail(error);
    return true;
  }
}
