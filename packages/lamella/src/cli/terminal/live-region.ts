import { fitLine, type Line, lineWidth, paintLine } from "./line.ts";
import type { OutputStream } from "./output.ts";
import type { Paint } from "./paint.ts";

const escape = "\u001b[";
const hideCursor = `${escape}?25l`;
const showCursor = `${escape}?25h`;
const eraseBelow = `${escape}0J`;
const eraseLineEnd = `${escape}0K`;
// Synchronized output: terminals that know it show the frame at once, the others ignore it.
const beginFrame = `${escape}?2026h`;
const endFrame = `${escape}?2026l`;

/**
 * The last lines of a terminal, drawn again and again in place. Lines are cut to the terminal's width, so that each
 * takes one row; after the terminal became narrower, those on the screen may take more, which is reckoned with.
 * Disposing leaves the last frame where it is and gives the cursor back.
 */
export class LiveRegion implements Disposable {
  readonly #stream: OutputStream;
  readonly #paint: Paint;
  #drawn: readonly Line[] = [];
  #text = "";
  #hidden = false;

  constructor(stream: OutputStream, paint: Paint) {
    this.#stream = stream;
    this.#paint = paint;
  }

  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  get rows(): number {
    return this.#stream.rows ?? 24;
  }

  /** Replaces what the region shows. */
  draw(lines: readonly Line[]): void {
    this.#write([], lines);
  }

  /** Writes lines that stay, above the region; long ones wrap. */
  print(lines: readonly Line[]): void {
    if (lines.length > 0) this.#write(lines, this.#drawn, true);
  }

  /** Writes the region's last lines, which stay, and begins a new region below them. */
  settle(lines: readonly Line[]): void {
    this.#write(lines, []);
  }

  #write(above: readonly Line[], region: readonly Line[], force = false): void {
    // A line as wide as the terminal leaves some cursors on it and others on the next one: one column stays free.
    const columns = Math.max(1, this.columns - 1);
    const fitted = region.map((line) => fitLine(line, columns));
    const text = fitted.map((line) => `${paintLine(line, this.#paint)}${eraseLineEnd}\n`).join("");
    if (!force && above.length === 0 && text === this.#text) return;
    const kept = above.map(
      (line) => `${paintLine(line, this.#paint)}${eraseLineEnd}
`,
    );
    const up = this.#rowsDrawn();
    this.#stream.write(
      [
        beginFrame,
        this.#hidden ? "" : hideCursor,
        up > 0 ? `${escape}${up}F` : "",
        ...kept,
        text,
        eraseBelow,
        endFrame,
      ].join(""),
    );
    if (!this.#hidden) process.on("exit", this.#restore);
    this.#hidden = true;
    this.#drawn = fitted;
    this.#text = text;
  }

  /** Rows that the last frame takes now: a terminal that became narrower has wrapped its lines. */
  #rowsDrawn(): number {
    const columns = Math.max(1, this.columns);
    return this.#drawn.reduce(
      (rows, line) => rows + Math.max(1, Math.ceil(lineWidth(line) / columns)),
      0,
    );
  }

  /** Also at `process.exit`: a shell without a cursor is not what an interrupted build leaves behind. */
  readonly #restore = (): void => {
    if (this.#hidden) this.#stream.write(showCursor);
    this.#hidden = false;
  };

  [Symbol.dispose](): void {
    this.#restore();
    process.off("exit", this.#restore);
    this.#drawn = [];
    this.#text = "";
  }
}
