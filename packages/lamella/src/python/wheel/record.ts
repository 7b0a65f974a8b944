import { createHash } from "node:crypto";
import { posix } from "node:path";
import { compareByteOrder } from "../../files/byte-order.ts";

/** A row of `RECORD` (recording installed projects, "The RECORD file"). */
export interface RecordRow {
  /** Relative to the folder that packages are imported from. */
  readonly path: string;
  /** `sha256=` and URL-safe base64 without padding, or empty. */
  readonly hash: string;
  /** Decimal length in bytes, or empty. */
  readonly size: string;
}

/** Makes the error for a file that breaks the rules; `why` completes "its RECORD …". */
interface Refusal {
  readonly invalid: (why: string) => Error;
}

/** Signatures of `RECORD`, deprecated, which it does not list itself. */
const signatures = ["RECORD.jws", "RECORD.p7s"];

/** Parses the file: CSV with `,` and `"` as RFC 4180 has them. Raises the refusal's error. */
export function parseRecord(text: string, refusal: Refusal): RecordRow[] {
  return parseCsv(text, refusal).map(([path = "", hash = "", size = ""]) => {
    if (!/^\d{0,16}$/.test(size)) {
      throw refusal.invalid(`has a size that is no number: ${JSON.stringify(size.slice(0, 100))}`);
    }
    return {
      // Some wheels write absolute paths and mean relative ones.
      path: path.replace(/^\/+/, ""),
      hash,
      size: size === "" ? "" : String(Number(size)),
    };
  });
}

/**
 * The rows that are true of the wheel's content: those of files that are not in it are dropped, and files without a row
 * get one, without a hash. `files` are names and sizes.
 */
export function healRecord(
  rows: readonly RecordRow[],
  files: ReadonlyMap<string, number>,
  distInfoFolder: string,
): RecordRow[] {
  const missing = new Map(files);
  const kept = rows.filter(({ path }) => missing.delete(posix.normalize(path)));
  for (const name of signatures) missing.delete(`${distInfoFolder}/${name}`);
  for (const [path, size] of missing) kept.push({ path, hash: "", size: String(size) });
  return kept;
}

/** The row of a file that the installer writes. */
export function recordRow(path: string, bytes: Uint8Array): RecordRow {
  const hash = `sha256=${createHash("sha256").update(bytes).digest("base64url")}`;
  return { path, hash, size: String(bytes.length) };
}

/** The file's text: rows sorted by path, hash and size, each with a newline, quoted where they must be. */
export function formatRecord(rows: readonly RecordRow[]): string {
  return rows
    .toSorted(
      (a, b) =>
        compareByteOrder(a.path, b.path) ||
        compareByteOrder(a.hash, b.hash) ||
        Number(a.size || -1) - Number(b.size || -1),
    )
    .map(({ path, hash, size }) => `${quote(path)},${quote(hash)},${size}\n`)
    .join("");
}

function quote(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

function parseCsv(text: string, refusal: Refusal): string[][] {
  if (!text.includes('"')) {
    return text
      .split(/\r\n|\r|\n/)
      .filter((line) => line !== "")
      .map((line) => line.split(","));
  }
  const rows: string[][] = [];
  // A field in quotes or without, and what ends it.
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\r|\n|$)/y;
  let row: string[] = [];
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (!match) throw refusal.invalid("has quotes that do not match");
    const [, quoted, plain = "", end] = match;
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  // The file ended behind a comma.
  if (row.length > 0) rows.push(row);
  return rows;
}
