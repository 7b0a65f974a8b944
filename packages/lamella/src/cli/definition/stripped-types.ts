import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
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
  // A file that was cut short by a crash of the machine lacks its last line.
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

function keep(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
  } catch {
    // Another time.
  }
}
