import type * as z from "zod/mini";
import { invalidLock, type LockSource } from "./invalid-lock.ts";
import type { KeyPath } from "./toml-line.ts";

/**
 * Holds a table of a lock to a schema. `at` is its own place in the lock. Raises InvalidLockError, which says which value
 * is wrong, in which line, and why.
 */
export function parseLockTable<T>(
  schema: z.ZodMiniType<T>,
  table: unknown,
  source: LockSource,
  at: KeyPath = [],
): T {
  const result = schema.safeParse(table);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = [...at, ...(issue?.path ?? [])];
  const why = issue === undefined ? "is malformed" : explain(issue, valueAt(table, issue.path));
  throw invalidLock(source, `${shownPath(path)} ${why}`, { at: path, cause: result.error });
}

/** What is wrong, as the end of a sentence that begins with the value's name. */
function explain(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined) return "is missing";
  if (issue.code === "invalid_type")
    return `is not ${kindNames[issue.expected] ?? `of type ${issue.expected}`}`;
  if (issue.code === "invalid_value")
    return `is none of ${issue.values.map((one) => JSON.stringify(one)).join(", ")}`;
  if (issue.code === "too_small" || issue.code === "too_big") return "is out of range";
  return "is malformed";
}

const kindNames: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  array: "a list",
  object: "a table",
  record: "a table",
};

function valueAt(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === "object" && inner !== null
        ? (inner as Record<PropertyKey, unknown>)[step]
        : undefined,
    value,
  );
}

/** As TOML writes keys: `packages[2].version`, `platforms."linux/amd64"`. */
function shownPath(path: KeyPath): string {
  const steps = path.map((step) => {
    if (typeof step === "number") return `[${step}]`;
    const name = String(step);
    return `.${/^[A-Za-z0-9_-]{1,200}$/.test(name) ? name : JSON.stringify(name.slice(0, 200))}`;
  });
  return steps.join("").replace(/^\./, "") || "it";
}
