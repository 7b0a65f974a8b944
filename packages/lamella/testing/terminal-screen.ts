/**
 * A terminal that keeps what is written to it as rows of text, for tests. It knows what our output uses: line feeds,
 * going up, erasing, showing and hiding the cursor; styles are dropped, anything else is an error. Lines do not wrap;
 * rows that leave the top are kept, and cannot be reached any more.
 */
export class TerminalScreen {
  readonly isTTY = true;
  columns: number;
  rows: number;
  cursorHidden = false;
  readonly #lines: string[] = [""];
  #row = 0;

  constructor(columns = 80, rows = 24) {
    this.columns = columns;
    this.rows = rows;
  }

  /** All lines, from the first that was written; without empty ones at the end. */
  get text(): string {
    return this.#lines.join("\n").trimEnd();
  }

  write(output: string): void {
    // oxlint-disable-next-line no-control-regex -- escape sequences are what is read here
    for (const [token] of output.matchAll(/\u001b\[[?\d;]*[A-Za-z]|\n|[^\n\u001b]+|\u001b/g)) {
      if (token === "\n") this.#lineFeed();
      else if (token.startsWith("\u001b")) this.#control(token.slice(2));
      else this.#print(token);
    }
  }

  #print(text: string): void {
    this.#lines[this.#row] = (this.#lines[this.#row] ?? "") + text;
  }

  #lineFeed(): void {
    this.#row++;
    this.#lines[this.#row] ??= "";
  }

  #control(sequence: string): void {
    const final = sequence.at(-1);
    if (sequence === "?25l") this.cursorHidden = true;
    else if (sequence === "?25h") this.cursorHidden = false;
    else if (sequence === "?2026h" || sequence === "?2026l" || final === "m") return;
    else if (final === "F") this.#up(Number(sequence.slice(0, -1)));
    else if (sequence === "0K") return;
    else if (sequence === "0J") this.#lines.length = this.#row + 1;
    else throw new Error(`A terminal sequence that is not known: ${JSON.stringify(sequence)}`);
  }

  /** To the beginning of a line further up, which is written anew from there. */
  #up(count: number): void {
    const top = Math.max(0, this.#lines.length - this.rows);
    this.#row = Math.max(top, this.#row - count);
    this.#lines.fill("", this.#row);
  }
}
