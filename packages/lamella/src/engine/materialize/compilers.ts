import { BytecodeCompiler, type Compiler } from "../../python/bytecode.ts";

/** The compilers of a thread, each started for the first job that needs it: an interpreter costs 50 ms to start. */
export class Compilers implements AsyncDisposable {
  readonly #running = new Map<string, BytecodeCompiler>();
  readonly #signal: AbortSignal;

  /** The signal ends the interpreters, and what they are at fails. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Stays usable until this object is disposed of. */
  get(compiler: Compiler): BytecodeCompiler {
    const running =
      this.#running.get(compiler.executable) ??
      new BytecodeCompiler(compiler, { workers: 1, signal: this.#signal });
    this.#running.set(compiler.executable, running);
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.values()].map((one) => one[Symbol.asyncDispose]()));
  }
}
