import type { z } from "zod/mini";
import { InvalidDocumentError } from "./error.ts";

/** Documents are refused above this many bytes. Registries take manifests of 4 MiB (distribution-spec); configs may be larger. */
const largestDocument = 8 * 1024 * 1024;

/** Values nested deeper than this are refused, so that nobody who walks them runs out of stack. */
const deepest = 64;

/**
 * JSON in one canonical form: keys sorted by UTF-16 code units, no white space, absent values left out. The same value
 * gives the same bytes, and so the same digest, however it was put together.
 */
export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(format(value));
}

// Built by hand, since objects put keys that are numbers first, whatever order they were given in.
function format(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map((item: unknown) => format(item ?? null)).join(",")}]`;
  }
  if (typeof value !== "object" || value === null) {
    return JSON.stringify(value);
  }
  const fields = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, item]) => `${JSON.stringify(key)}:${format(item)}`);
  return `{${fields.join(",")}}`;
}

/**
 * Parses a document from outside and holds it to a schema; `what` names it in the error. Fields that are null count as
 * absent, as in Go, whose encoder writes empty lists and maps so. Raises {@link InvalidDocumentError}.
 */
export function decodeJson<T>(bytes: Uint8Array, what: string, schema: z.ZodMiniType<T>): T {
  if (bytes.length > largestDocument) {
    throw invalidDocument(what, `it has more than ${largestDocument} bytes`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidDocument(what, "it is not JSON", error);
  }
  const result = schema.safeParse(withoutNulls(value, what, deepest));
  if (!result.success) {
    const [issue] = result.error.issues;
    const place = issue === undefined ? "" : issue.path.map(String).join(".");
    throw invalidDocument(what, `wrong value${place === "" ? "" : ` at ${place.slice(0, 200)}`}`);
  }
  return result.data;
}

function withoutNulls(value: unknown, what: string, levels: number): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (levels === 0) {
    throw invalidDocument(what, `it is nested more than ${deepest} deep`);
  }
  if (Array.isArray(value)) {
    return value.map((item: unknown) => withoutNulls(item, what, levels - 1));
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, withoutNulls(item, what, levels - 1)]),
  );
}

export function invalidDocument(what: string, why: string, cause?: unknown): InvalidDocumentError {
  return new InvalidDocumentError(
    `The ${what} is not valid: ${why}.`,
    "Whoever made the image or runs its registry has to look at it; another tag or digest may do.",
    cause === undefined ? undefined : { cause },
  );
}
