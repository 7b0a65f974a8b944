import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { spend } from "../../files/spent-memory.ts";
import { CompilerFailedError } from "../wheel-error.ts";
import { type Compiler, compilerEnvironment, compilerFlags } from "./compiler.ts";
import { compilerProgram } from "./program.ts";

const lengthSize = 4;

/** The longest answer that we believe in, in bytes: 64 large files of bytecode. It bounds memory. */
const largestAnswer = 1024 ** 3;

/** How much of what the interpreter complains about is kept, in characters. */
const longestComplaint = 2000;

/** A running interpreter with the compiling program in it. It takes jobs and answers them in order. */
export class Interpreter implements AsyncDisposable {
  readonly #compiler: Compiler;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting: PromiseWithResolvers<Buffer>[] = [];
  #failure: Error | undefined;
  #complaint = "";
  /** The answer that is being read: its length's bytes first, then its own. */
  #length: Buffer = Buffer.alloc(0);
  #answer: Buffer | undefined;
  #filled = 0;

  constructor(compiler: Compiler) {
    this.#compiler = compiler;
    this.#process = spawn(compiler.executable, [...compilerFlags, "-c", compilerProgram], {
      env: compilerEnvironment,
      cwd: "/",
      stdio: ["pipe", "pipe", "pipe"],
      // A process group of its own, so that what it forked ends with it.
      detached: true,
    });
    const { stdin, stdout, stderr } = this.#process;
    stdout.on("data", (chunk: Buffer) => this.#receive(chunk));
    stderr.on("data", (chunk: Buffer) => {
      this.#complaint = (this.#complaint + chunk.toString("utf8")).slice(-longestComplaint);
    });
    stdin.on("error", () => undefined);
    this.#process.on("error", (error) => this.#fail(error.message, error));
    this.#process.on("close", (code, signal) =>
      this.#fail(this.#complaint.trim() || `it ended with ${signal ?? `code ${code ?? "?"}`}`),
    );
  }

  /** Jobs that are not answered yet. */
  get load(): number {
    return this.#waiting.length;
  }

  /** Sends a job and waits for its answer. Raises {@link CompilerFailedError} when the interpreter ends before. */
  run(job: Uint8Array): Promise<Buffer> {
    if (this.#failure) return Promise.reject(this.#failure);
    const waiting = Promise.withResolvers<Buffer>();
    this.#waiting.push(waiting);
    const length = Buffer.alloc(lengthSize);
    length.writeUInt32BE(job.length);
    this.#process.stdin.write(Buffer.concat([length, job]));
    return waiting.promise;
  }

  #receive(received: Buffer): void {
    let chunk = received;
    while (chunk.length > 0 && !this.#failure) {
      if (!this.#answer) {
        const missing = lengthSize - this.#length.length;
        this.#length = Buffer.concat([this.#length, chunk.subarray(0, missing)]);
        chunk = chunk.subarray(missing);
        if (this.#length.length < lengthSize) return;
        const size = this.#length.readUInt32BE();
        if (size === 0 || size > largestAnswer) return this.#fail(`it announced ${size} bytes`);
        this.#answer = Buffer.allocUnsafeSlow(size);
        this.#filled = 0;
      }
      const copied = chunk.copy(this.#answer, this.#filled);
      this.#filled += copied;
      chunk = chunk.subarray(copied);
      if (this.#filled < this.#answer.length) return;
      const answer = this.#answer;
      this.#answer = undefined;
      this.#length = Buffer.alloc(0);
      spend(answer.length);
      this.#waiting.shift()?.resolve(answer);
    }
  }

  #fail(why: string, cause?: unknown): void {
    if (this.#failure) return;
    const { executable, version } = this.#compiler;
    this.#failure = new CompilerFailedError(
      `Python ${version} (${executable}) failed to compile bytecode: ${why}.`,
      "Try again with more memory free. If it stays, take this Python off the PATH, or mend it.",
      cause === undefined ? undefined : { cause },
    );
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
    this.#kill();
  }

  #kill(): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // The whole group has ended.
    }
  }

  /** Ends the interpreter at once, whatever it is at. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode, pid } = this.#process;
    const running = pid !== undefined && exitCode === null && signalCode === null;
    const ended = running ? once(this.#process, "close") : undefined;
    this.#fail("it was stopped");
    await ended;
  }
}
