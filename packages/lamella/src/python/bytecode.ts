import { availableParallelism } from "node:os";
import { posix } from "node:path";
import type { FileEntry } from "../files/entry.ts";
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

  /** {@link BytecodeCompiler.entriesOf} for one wheel. */
  entries(path: string, target: InstallTarget): AsyncGenerator<FileEntry, void, void> {
    return this.entriesOf([{ path }], target);
  }

  /**
   * The bytecode of what the wheels install, as `__pycache__` folders for a layer above theirs: unchecked hash-based files
   * (PEP 552), which hold no times. A function of wheels, target and the compiler's version. What does not compile is left
   * out, as pip and uv leave it out. Where two wheels install one path, the wheel that is named first has it.
   *
   * Some chunks are compiled ahead, so that the machine stays busy while the entries are written; memory is bounded by
   * their number. Raises InvalidWheelError, and CompilerFailedError when the interpreter breaks.
   */
  async *entriesOf(
    wheels: Iterable<WheelToCompile>,
    target: InstallTarget,
  ): AsyncGenerator<FileEntry, void, void> {
    const given = new Set<string>();
    const ahead = this.#workers * jobsPerInterpreter;
    const queue: Compiling[] = [];
    const { physicalPrefix } = target;
    for await (const chunk of this.#chunks(wheels, target)) {
      queue.push(chunk);
      if (queue.length <= ahead) continue;
      yield* this.#finished(queue.shift() as Compiling, physicalPrefix, given);
    }
    for (const chunk of queue) yield* this.#finished(chunk, physicalPrefix, given);
  }

  /** Starts the chunks as they are asked for. */
  async *#chunks(
    wheels: Iterable<WheelToCompile>,
    target: InstallTarget,
  ): AsyncGenerator<Compiling, void, void> {
    for (const { path, ...options } of wheels) {
      using wheel = await openWheel(path, target, options);
      for (const sources of sourceChunks(wheel, target)) {
        this.#signal?.throwIfAborted();
        const results = this.#compile(wheel.archive, sources, target);
        // It is awaited later, or never when the consumer has gone; the failure must not count as unhandled until then.
        results.catch(() => undefined);
        yield { sources, results };
      }
    }
  }

  async *#finished(
    { sources, results }: Compiling,
    physicalPrefix: string,
    given: Set<string>,
  ): AsyncGenerator<FileEntry, void, void> {
    const compiled = await results.catch((error: unknown) => {
      this.#signal?.throwIfAborted();
      throw error;
    });
    this.#signal?.throwIfAborted();
    for (const [index, { path }] of sources.entries()) {
      const data = compiled[index];
      const place = bytecodePath(`${physicalPrefix}/${path}`, this.#compiler.cacheTag);
      if (!data || given.has(place)) continue;
      yield* newDirectories(posix.dirname(place), given);
      given.add(place);
      const content = { encoding: "identity", size: data.length, data } as const;
      yield { kind: "file", path: place, mode: 0o644, content };
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

/** {@link BytecodeCompiler.entriesOf} with a compiler for this call alone. */
export async function* bytecodeEntries(
  compiler: Compiler,
  wheels: Iterable<WheelToCompile>,
  target: InstallTarget,
  options: BytecodeCompilerOptions = {},
): AsyncGenerator<FileEntry, void, void> {
  await using running = new BytecodeCompiler(compiler, options);
  yield* running.entriesOf(wheels, target);
}

/** The directory and those above it that were not given before, the highest first. */
function* newDirectories(path: string, given: Set<string>): Generator<FileEntry, void, void> {
  if (given.has(path) || path === ".") return;
  yield* newDirectories(posix.dirname(path), given);
  given.add(path);
  yield { kind: "directory", path, mode: 0o755 };
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
