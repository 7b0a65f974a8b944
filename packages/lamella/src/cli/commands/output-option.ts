import type { BuildOptions } from "../../builders/builder.ts";

/** Reads the value of `--output`: `oci:DIR`. */
export function parseOutput(text: string): NonNullable<BuildOptions["output"]> {
  const path = /^oci:(.+)$/s.exec(text)?.[1];
  if (path === undefined) throw new Error("It takes oci:DIR, for example oci:out");
  return { kind: "layout", path };
}
