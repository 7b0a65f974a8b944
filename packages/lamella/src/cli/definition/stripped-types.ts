import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stripTypes } from "./module-source.ts";

/**
 * {@link stripTypes}, with results kept in `folder`: the parser alone takes longer to load than everything else that
 * `lamella id` does. A folder that cannot be written is no error, only slower.
 */
export function stripTypesOnce(source: string, folder: string): string {
  // Each Node has its own parser.
  const key = createHash("sha256").update(`${process.version}\n${source}`).digest("hex");
  const path = join(folder, `${key}.js`);
  // A file that is being written, or was when its writer was killed, lacks its last line.
  const seal = `\n//${key}`;
  const kept = readKept(path);
  if (kept?.endsWith(seal)) return kept;
  const stripped = stripTypes(source) + seal;
  keep(path, stripped);
  return stripped;
}

function readKept(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Under its own name from the beginning: a temporary one would stay for ever when its writer is killed. */
function keep(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, text, { mode: 0o600 });
  } catch {
    // Another time.
  }
}
