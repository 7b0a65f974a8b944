import { availableParallelism } from "node:os";
import { posix } from "node:path";
import type { Compiler } from "./bytecode/compiler.ts";
import { Interpreter } from "./bytecode/interpreter.ts";
import { bytecodePath, type Source, sourceChunks } from "./bytecode/sources.ts";
import type { InstallTarget } from "./install-target.ts";
import { openWheel } from "./wheel.ts";
import type { ZipArchive } from "./zip.ts";

export { type Compiler, findCompiler } from "./bytecode/compiler.ts";
export { bytecodePath } from "./bytecode/sources.ts";

/** A wheel to compile. */
export interface WheelToCompile {
  readonly path: string;
  /** Its file name, where `path` does not end in it. */
  readonly filename?: string;
}

export interface BytecodeCompilerOptions {
  /** Interpreters at once; the result does not depend on it. The machine's cores where absent. */
  readonly workers?: number;
  readonly signal?: AbortSignal;
}

/** Bytecode of one source. */
export interface CompiledFile {
  /** In the image, relative to its root: where Python looks for it. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Jobs that an interpreter is given at once, so that it has the next one when it is done with the first. */
const jobsPerInterpreter = 2;

/** A chunk of a wheel on its way: the sources, and their bytecode where they compile. */
interface Compiling {
  readonly sources: readonly Source[];
  readonly results: Promise<readonly (Uint8Array | undefined)[]>;
}

/**
 * Compiles the sources of wheels with one Python, in interpreters that are started when there is work for them and live
 * until the compiler is disposed. Several wheels can be compiled at the same time.
 */
export class BytecodeCompiler implements AsyncDisposable {
  readonly #compiler: Compiler;
  readonly #workers: number;
  readonly #signal: AbortSignal | undefined;
  readonly #interpreters: Interpreter[] = [];
  readonly #stop = (): void => void this[Symbol.asyncDispose]();
  #stopped = false;

  constructor(compiler: Compiler, options: BytecodeCompilerOptions = {}) {
    this.#compiler = compiler;
    this.#workers = Math.max(1, options.workers ?? availableParallelism());
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#stop, { once: true });
  }

  /**
   * The bytecode of what a wheel installs: unchecked hash-based files (PEP 552), which hold no times. A function of wheel,
   * target and the compiler's version. What does not compile is left out, as pip and uv leave it out.
   *
   * Some chunks are compiled ahead, so that the machine stays busy while their bytes are used; memory is bounded by
   * their number. Raises InvalidWheelError, and CompilerFailedError when the interpreter breaks.
   */
  async *compile(
    { path, ...options }: WheelToCompile,
    target: InstallTarget,
  ): AsyncGenerator<CompiledFile, void, void> {
    using wheel = await openWheel(path, target, options);
    const ahead = this.#workers * jobsPerInterpreter;
    const queue: Compiling[] = [];
    for (const sources of sourceChunks(wheel, target)) {
      this.#signal?.throwIfAborted();
      const results = this.#compile(wheel.archive, sources, target);
      // It is awaited later, or never when the consumer has gone; the failure must not count as unhandled until then.
      results.catch(() => undefined);
      queue.push({ sources, results });
      if (queue.length > ahead) yield* this.#finished(queue.shift() as Compiling, target);
    }
    for (const chunk of queue) yield* this.#finished(chunk, target);
  }

  async *#finished(
    { sources, results }: Compiling,
    { physicalPrefix }: InstallTarget,
  ): AsyncGenerator<CompiledFile, void, void> {
    const compiled = await results.catch((error: unknown) => {
      this.#signal?.throwIfAborted();
      throw error;
    });
    this.#signal?.throwIfAborted();
    for (const [index, source] of sources.entries()) {
      const bytes = compiled[index];
      if (!bytes) continue;
      const path = bytecodePath(`${physicalPrefix}/${source.path}`, this.#compiler.cacheTag);
      yield { path, bytes };
    }
  }

  async #compile(
    archive: ZipArchive,
    sources: readonly Source[],
    target: InstallTarget,
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const files = sources.map(({ path, entry }) => ({
      entry,
      fields: [
        archive.dataOffset(entry),
        entry.compressedSize,
        entry.size,
        entry.crc32,
        entry.method === "deflate" ? 8 : 0,
        posix.join(target.prefix, path),
      ],
    }));
    const ask = async (asked: typeof files): Promise<(Uint8Array | undefined)[] | undefined> => {
      const fields = [archive.path, ...asked.flatMap((file) => file.fields)];
      const answer = await this.#interpreter().run(Buffer.from(fields.join("\0")));
      const { damaged, results } = parseAnswer(answer, asked.length);
      if (damaged === undefined) return results;
      const name = JSON.stringify(asked[damaged]?.entry.name);
      throw archive.invalid(`the content of ${name} in it is not what the directory says`);
    };
    const results = await ask(files);
    if (results) return results;
    // A source made the interpreter crash, by its depth for example: find which, and do without it.
    const singly: (Uint8Array | undefined)[] = [];
    for (const file of files) singly.push((await ask([file]))?.[0]);
    return singly;
  }

  /** The interpreter with the least to do; a new one while there are fewer than there may be. */
  #interpreter(): Interpreter {
    this.#signal?.throwIfAborted();
    if (this.#stopped) throw new Error("The compiler has been disposed.");
    const [first, ...others] = this.#interpreters;
    let least = first;
    for (const other of others) if (least && other.load < least.load) least = other;
    if (least && (least.load === 0 || this.#interpreters.length >= this.#workers)) return least;
    const started = new Interpreter(this.#compiler);
    this.#interpreters.push(started);
    return started;
  }

  /** Ends all interpreters at once; what is being compiled fails, and so does what is asked for later. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#signal?.removeEventListener("abort", this.#stop);
    await Promise.all(this.#interpreters.splice(0).map((one) => one[Symbol.asyncDispose]()));
  }
}

/** Reads an answer of the program (see `bytecode/program.ts`); without results and damage, the process crashed. */
function parseAnswer(
  answer: Buffer,
  files: number,
): { readonly damaged?: number; readonly results?: (Uint8Array | undefined)[] } {
  const kind = String.fromCharCode(answer[0] ?? 0);
  if (kind === "c") return {};
  if (kind === "d") return { damaged: answer.readUInt32BE(1) };
  const results: (Uint8Array | undefined)[] = [];
  let at = 1;
  for (let index = 0; index < files; index++) {
    const length = answer.readUInt32BE(at);
    at += 4;
    if (length === 0xffff_ffff) {
      results.push(undefined);
      continue;
    }
    results.push(answer.subarray(at, at + length));
    at += length;
  }
  return { results };
}
