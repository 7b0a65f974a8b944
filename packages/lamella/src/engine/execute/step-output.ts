import { StringDecoder } from "node:string_decoder";
import { stripVTControlCharacters } from "node:util";
import type { Redactor } from "../secrets/redactor.ts";

export type OutputStreamName = "stdout" | "stderr";

/** A line that does not end by then is passed on in parts. In characters. */
const longestLine = 16 * 1024;

/** Lines that are kept for an error. */
const mostLines = 100;

/** Cuts what a command writes into lines, takes the secrets out, passes them on, and remembers the last. */
export class StepOutput {
  readonly #redactor: Redactor;
  readonly #pass: (stream: OutputStreamName, line: string) => void;
  readonly #streams = {
    stdout: { decoder: new StringDecoder(), rest: "" },
    stderr: { decoder: new StringDecoder(), rest: "" },
  };
  readonly #lines: string[] = [];

  constructor(redactor: Redactor, pass: (stream: OutputStreamName, line: string) => void) {
    this.#redactor = redactor;
    this.#pass = pass;
  }

  /** The last lines, of both streams, without blank ones. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  write(stream: OutputStreamName, bytes: Uint8Array): void {
    const state = this.#streams[stream];
    this.#take(stream, state.rest + state.decoder.write(Buffer.from(bytes)));
  }

  /** Passes on the lines that did not end. */
  end(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      const state = this.#streams[stream];
      this.#take(stream, state.rest + state.decoder.end());
      const { rest } = state;
      state.rest = "";
      if (rest.trim() !== "") this.#line(stream, this.#redactor.text(rest));
    }
  }

  #take(stream: OutputStreamName, text: string): void {
    // Progress displays go back to the beginning of their line. Whether a newline follows is not known at the very end.
    const parts = text.split(/\r?\n|\r(?!$)/);
    let rest = parts.pop() ?? "";
    for (const part of parts) this.#line(stream, this.#redactor.text(part));
    if (rest.length > longestLine) {
      // A secret may have begun in what is kept back.
      const redacted = this.#redactor.text(rest);
      const cut = Math.max(0, redacted.length - this.#redactor.longest);
      this.#line(stream, redacted.slice(0, cut));
      rest = redacted.slice(cut);
    }
    this.#streams[stream].rest = rest;
  }

  #line(stream: OutputStreamName, redacted: string): void {
    const line = stripVTControlCharacters(redacted).trimEnd();
    if (line === "") return;
    this.#lines.push(line);
    if (this.#lines.length > mostLines) this.#lines.shift();
    this.#pass(stream, line);
  }
}
