import { parse as parseToml, TomlError } from "smol-toml";
import { readProjectFile } from "../../image/project-file.ts";
import { DefaultImageError } from "../error.ts";
import type { Interpreter } from "./interpreter.ts";

/** The Python SDK: `flytekit` is its first generation, `flyte` its second. */
export type FlytePackage = "flyte" | "flytekit";

/** Which version of the Python SDK is meant, and who says so. */
export interface FlyteVersion {
  readonly package: FlytePackage;
  /** Absent where none is installed. */
  readonly version?: string;
  /** For people. */
  readonly source: string;
}

// The newer one first: a project that has both is on its way there.
const newestFirst: readonly FlytePackage[] = ["flyte", "flytekit"];

/** Locks of uv, Poetry and PEP 751. */
const lockNames = ["uv.lock", "poetry.lock", "pylock.toml"];

/**
 * What the lock of the project around `root` installs of Flyte, if it does. Raises DefaultImageError for a lock that is
 * not TOML, and the errors of reading files.
 */
export function lockedFlyte(
  root: string,
  packages: readonly FlytePackage[] = newestFirst,
): FlyteVersion | undefined {
  const lock = readProjectFile(root, lockNames);
  if (!lock) return undefined;
  const versions = lockedVersions(lock.text, lock.file);
  const name = packages.find((each) => versions.has(each));
  const version = name && versions.get(name);
  return name && version !== undefined ? { package: name, version, source: lock.file } : undefined;
}

/** What the machine's Python has installed of Flyte, if it has. */
export function installedFlyte(
  interpreter: Interpreter,
  packages: readonly FlytePackage[] = newestFirst,
): FlyteVersion | undefined {
  const name = packages.find((each) => interpreter[each] !== undefined);
  const version = name && interpreter[name];
  return name && version !== undefined ? { package: name, version, source: "python3" } : undefined;
}

function lockedVersions(text: string, file: string): ReadonlyMap<string, string> {
  let lock: Readonly<Record<string, unknown>>;
  try {
    lock = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new DefaultImageError(
      `${file}:${error.line}:${error.column} is not TOML: ${error.message.split("\n", 1)[0]}.`,
      "Write the lock anew, or give the version of Flyte.",
      { cause: error },
    );
  }
  const versions = new Map<string, string>();
  // `package` is uv's and Poetry's, `packages` that of PEP 751.
  for (const list of [lock["package"], lock["packages"]]) {
    for (const row of (Array.isArray(list) ? list : []) as readonly unknown[]) {
      const { name, version } = (typeof row === "object" && row !== null ? row : {}) as {
        readonly name?: unknown;
        readonly version?: unknown;
      };
      if (typeof name === "string" && typeof version === "string") versions.set(name, version);
    }
  }
  return versions;
}
