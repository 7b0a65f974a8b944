import type { Platform } from "../../image/platform.ts";
import { type Compiler, findCompiler } from "../../python/bytecode.ts";
import type { ImageRequest } from "../image-request.ts";
import type { PlannedCompiler } from "../plan.ts";
import type { Session } from "../session.ts";
import { LockError } from "./error.ts";
import type { InstallPrefix } from "./install-prefix.ts";
import type { LockedPlatform } from "./lock-document.ts";

/** The Python that the image's bytecode is by. */
export interface ChosenCompiler extends PlannedCompiler {
  /** Gets at the interpreter. Raises LockError where this machine does not have that very version. */
  readonly find: () => Promise<Compiler>;
}

/** The interpreters of a machine, asked once, and not before somebody wants to know. */
export class CompilerSearch {
  readonly #python: string;
  readonly #locked: LockedPlatform | undefined;
  readonly #isLocked: boolean;
  readonly #preferred: string | undefined;
  readonly #session: Session;
  #found: Promise<Compiler | undefined> | undefined;

  constructor(
    { lock, options }: ImageRequest,
    platform: Platform,
    { target, version }: InstallPrefix,
    session: Session,
  ) {
    this.#python = target.python;
    this.#locked = options.upgrade ? undefined : lock?.image.platforms[platform];
    this.#isLocked = options.locked === true;
    this.#preferred = this.#locked?.compiler?.version ?? version;
    this.#session = session;
  }

  /** The interpreter of the wanted minor version; the one that the lock names preferred, else the base's patch release. */
  find(): Promise<Compiler | undefined> {
    const { env, store, signal } = this.#session;
    this.#found ??= findCompiler({
      python: this.#python,
      ...(this.#preferred === undefined ? {} : { preferred: this.#preferred }),
      env,
      memos: store.memos,
      signal,
    });
    return this.#found;
  }

  /**
   * What compiles. No interpreter is looked for when all is compiled that the lock's would compile: then the machine need
   * not have it. Nothing, with a warning, where there is none. Raises LockError under `locked` when it is not the lock's,
   * since other bytes would come out.
   */
  async choose(
    isCompiled: (by: PlannedCompiler) => Promise<boolean>,
  ): Promise<ChosenCompiler | undefined> {
    const locked = this.#locked?.compiler;
    if (locked && (await isCompiled(locked))) return { ...locked, find: () => this.#find(locked) };
    const found = await this.find();
    if (this.#locked && locked?.version !== found?.version) {
      const { message, hint } = this.#difference(found);
      if (this.#isLocked) throw new LockError(message, hint);
      const { journal } = this.#session;
      journal.warn("compiler-differs", `${message} The image's digest will differ.`, hint);
    }
    if (!found) this.#warnOfNone();
    return found && { ...found, find: () => Promise.resolve(found) };
  }

  async #find({ version }: PlannedCompiler): Promise<Compiler> {
    const found = await this.find();
    if (found?.version === version) return found;
    const { message, hint } = this.#difference(found);
    throw new LockError(`${message} What was compiled before cannot be had any more.`, hint);
  }

  #difference(found: Compiler | undefined): { readonly message: string; readonly hint: string } {
    const locked = this.#locked?.compiler;
    const was = locked ? `Python ${locked.version}` : "no compiler";
    const is = found ? `Python ${found.version}` : `no Python ${this.#python}`;
    return {
      message: `The lock was made with ${was} for bytecode, and this machine has ${is}.`,
      hint: `Install Python ${locked?.version ?? this.#python} here, or write the lock anew: lamella lock FILE.`,
    };
  }

  #warnOfNone(): void {
    const python = this.#python;
    this.#session.journal.warn(
      "bytecode-missing",
      `No Python ${python} on this machine: the image gets no bytecode, and programs start more slowly.`,
      `Install Python ${python} (apt-get install python${python}, or uv python install ${python}).`,
    );
  }
}
