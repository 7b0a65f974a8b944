import { isDigest } from "../../files/digest.ts";

/** What stands where a secret was. */
const mask = "***";

/** A shorter value is no secret to speak of: it would be found everywhere by chance. In characters. */
export const shortestSecret = 4;

/** Of base64 in which a value has no beginning of its own, so many characters must be left to be told from chance. */
const shortestFragment = 8;

/**
 * Takes secrets out of what is said: their values as they are, in base64 (also within a longer text), URL-encoded and as JSON
 * has them; of a value with several lines each line too, since output goes by lines.
 */
export class Redactor {
  #pattern: RegExp | undefined;
  readonly #spellings = new Set<string>();

  /** Length of the longest spelling: where a text is cut, so much of it may be the beginning of one. */
  get longest(): number {
    return Math.max(0, ...[...this.#spellings].map(({ length }) => length));
  }

  /** From now on the value is taken out. */
  add(value: string | Uint8Array): void {
    const bytes = Buffer.from(value);
    const text = bytes.toString();
    const lines = text.split(/[\r\n]+/).map((line) => line.trim());
    for (const part of [text, text.trim(), ...lines]) {
      if (part.length < shortestSecret) continue;
      for (const spelling of spellings(part)) this.#spellings.add(spelling);
    }
    for (const spelling of base64Spellings(bytes)) this.#spellings.add(spelling);
    // The longest first: one may contain another.
    const all = [...this.#spellings].sort((a, b) => b.length - a.length);
    this.#pattern = all.length === 0 ? undefined : new RegExp(all.map(escaped).join("|"), "g");
  }

  text(text: string): string {
    return this.#pattern === undefined ? text : text.replace(this.#pattern, mask);
  }

  /** A copy of plain data whose texts have no secrets; digests, which tell nobody anything, are left whole. */
  data<T>(value: T): T {
    if (this.#pattern === undefined) return value;
    return this.#copy(value) as T;
  }

  #copy(value: unknown): unknown {
    if (typeof value === "string") return isDigest(value) ? value : this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.#copy(item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [name, this.#copy(field)]),
    );
  }

  /** Takes secrets out of an error and its causes, in place: an error is known by its identity. */
  error(error: unknown): void {
    if (this.#pattern === undefined || !(error instanceof Error)) return;
    for (const name of ["message", "stack", "hint"] as const) {
      const text: unknown = Reflect.get(error, name);
      if (typeof text !== "string") continue;
      const redacted = this.text(text);
      if (redacted !== text) {
        Object.defineProperty(error, name, {
          value: redacted,
          configurable: true,
          writable: true,
          enumerable: name === "hint",
        });
      }
    }
    for (const [name, field] of Object.entries(error)) {
      if (name !== "hint" && Array.isArray(field)) Reflect.set(error, name, this.data(field));
    }
    this.error(error.cause);
    if (error instanceof AggregateError) for (const one of error.errors) this.error(one);
  }
}

/** `RegExp.escape`, which Node 22 does not have. */
function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

function spellings(text: string): string[] {
  return [
    text,
    encodeURIComponent(text),
    new URLSearchParams({ "": text }).toString().slice(1),
    JSON.stringify(text).slice(1, -1),
    ...base64Spellings(Buffer.from(text)),
  ];
}

/**
 * Base64 of the bytes, whatever stands before and after them: it goes by three bytes, so there are three ways to begin, and
 * the first and last character may be shared with a neighbour. In both alphabets (RFC 4648).
 */
function base64Spellings(bytes: Buffer): string[] {
  const found: string[] = [];
  for (const offset of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
    for (const alphabet of ["base64", "base64url"] as const) {
      const text = padded.toString(alphabet).replace(/=+$/, "");
      const from = offset === 0 ? 0 : offset + 1;
      const to = text.length - (padded.length % 3 === 0 ? 0 : 1);
      const inner = text.slice(from, to);
      if (inner.length >= shortestFragment) found.push(inner);
    }
  }
  return found;
}
