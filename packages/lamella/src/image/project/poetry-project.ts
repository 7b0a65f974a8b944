import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import type { CanonicalValue } from "../../files/canonical.ts";
import type { IgnoreRules } from "../../files/ignore.ts";
import { ProjectError } from "../error.ts";
import { type LayerContext, onThisMachine } from "../layers/layer-context.ts";
import { normalizeName } from "./normalize-name.ts";
import {
  encodePoetryPackage,
  type PoetryLock,
  type PoetryPackage,
  readPoetryLock,
} from "./poetry-lock.ts";
import { folderIgnoreRules } from "./project-folder.ts";
import { readProjectToml, TomlReader, type TomlTable } from "./project-toml.ts";

/** What is to be installed of a project of Poetry. */
export interface PoetryProjectChoice {
  /** The project's `pyproject.toml`: absolute, or relative to the definition's root. */
  readonly pyproject: string;
  /** Its lock, if that is not `poetry.lock` beside it. */
  readonly poetryLock?: string | undefined;
  readonly installProject: boolean;
  readonly extras: readonly string[];
  /** Groups beside the default ones. */
  readonly groups: readonly string[];
  readonly defaultGroups: boolean;
}

/** A project of Poetry with its lock, and what of it is to be installed. */
export interface PoetryProject {
  readonly lock: PoetryLock;
  readonly extras: readonly string[];
  /** `main` among them. Sorted. */
  readonly groups: readonly string[];
  /** The project itself, where it is installed: its name and its folder. */
  readonly root?: { readonly name: string; readonly folder: string };
}

/**
 * Reads a project of Poetry and its lock. Raises ProjectError where the lock was not written for what the project asks for
 * now, and for an extra or a group that there is not; and the errors of reading files.
 */
export function readPoetryProject(
  choice: PoetryProjectChoice,
  context: LayerContext,
): PoetryProject {
  const file = onThisMachine(context, choice.pyproject);
  const pyproject = readProjectToml(file);
  const reader = new TomlReader(file, "Mend it.");
  const lockFile = choice.poetryLock ?? resolve(dirname(file), "poetry.lock");
  const lock = readPoetryLock(onThisMachine(context, lockFile));
  const poetry = reader.table(reader.table(pyproject["tool"], "tool")["poetry"], "tool.poetry");
  const project = reader.table(pyproject["project"], "project");
  if (![true, false].some((named) => contentHash(pyproject, reader, named) === lock.contentHash)) {
    throw new ProjectError(
      `${lock.file} cannot be used: ${file} has changed since it was written.`,
      "Write it anew: poetry lock.",
    );
  }
  const tables = [
    reader.table(poetry["extras"], "tool.poetry.extras"),
    reader.table(project["optional-dependencies"], "project.optional-dependencies"),
  ];
  const knownExtras = tables.flatMap((table) => Object.keys(table)).map(normalizeName);
  const extras = choice.extras.map(normalizeName);
  requireKnown("extra", extras, knownExtras, file);
  const { all, byDefault } = groupsOf(pyproject, poetry, reader);
  const named = choice.groups.map(normalizeName);
  requireKnown("group", named, all, file);
  const groups = ["main", ...named, ...(choice.defaultGroups ? byDefault : [])];
  return {
    lock,
    extras: [...new Set(extras)].sort(),
    groups: [...new Set(groups)].sort(),
    ...(choice.installProject && {
      root: { name: rootName(poetry, project, file, reader), folder: dirname(file) },
    }),
  };
}

/** The packages that an installation may need, whatever the environment. */
export function possiblePoetryPackages({
  lock,
  extras,
  groups,
}: PoetryProject): readonly PoetryPackage[] {
  return lock.packages.filter(
    (one) => one.groups.some((group) => groups.includes(group)) && mayBeWanted(one, extras),
  );
}

/** Absolute folders of which wheels are built. */
export function poetryFolders(project: PoetryProject): readonly string[] {
  const { root, lock } = project;
  const folders = possiblePoetryPackages(project).flatMap((one) =>
    one.source?.kind === "directory" ? [poetryPlace(lock, one.source.url)] : [],
  );
  return [...folders, ...(root ? [root.folder] : [])];
}

/** Where a path of a lock is. */
export function poetryPlace({ file }: PoetryLock, path: string): string {
  return resolve(dirname(file), path);
}

/** What of a folder is not needed to build it. */
export function poetryIgnoreRules(
  folder: string,
  { lock }: PoetryProject,
  context: LayerContext,
): IgnoreRules {
  const others = lock.packages.flatMap(({ source }) =>
    source?.kind === "directory" ? [poetryPlace(lock, source.url)] : [],
  );
  return folderIgnoreRules(folder, others, context);
}

/** All that decides what a project's lock installs, apart from the content of folders of this machine. */
export function encodePoetryProject(project: PoetryProject): CanonicalValue {
  const { extras, groups, root } = project;
  return {
    extras,
    root: root?.name,
    packages: possiblePoetryPackages(project).map((one) =>
      encodePoetryPackage(
        one,
        one.groups.filter((group) => groups.includes(group)),
      ),
    ),
  };
}

/** What only extras need is needed by one that is wanted: its marker names them. */
function mayBeWanted({ isOptional, markers }: PoetryPackage, extras: readonly string[]): boolean {
  if (!isOptional) return true;
  const named = [...markers.values()].flatMap((marker) =>
    [...marker.matchAll(/extra == "([^"]*)"/g)].map(([, extra = ""]) => normalizeName(extra)),
  );
  return named.length === 0 || named.some((extra) => extras.includes(extra));
}

function groupsOf(
  pyproject: TomlTable,
  poetry: TomlTable,
  reader: TomlReader,
): { readonly all: readonly string[]; readonly byDefault: readonly string[] } {
  const own = reader.table(poetry["group"], "tool.poetry.group");
  const standard = reader.table(pyproject["dependency-groups"], "dependency-groups");
  const older = poetry["dev-dependencies"] === undefined ? [] : ["dev"];
  const names = [...Object.keys(own), ...Object.keys(standard), ...older];
  const optional = new Set(
    Object.entries(own).flatMap(([name, group]) =>
      reader.table(group, `the group ${name}`)["optional"] === true ? [normalizeName(name)] : [],
    ),
  );
  const all = ["main", ...names.map(normalizeName)];
  return { all, byDefault: all.filter((name) => !optional.has(name)) };
}

function rootName(poetry: TomlTable, project: TomlTable, file: string, reader: TomlReader): string {
  if (poetry["package-mode"] === false) {
    throw new ProjectError(
      `${file} cannot be installed: its package-mode is false.`,
      "Copy its sources with withSourceFolder, and leave projectInstallMode out.",
    );
  }
  return normalizeName(reader.text(project["name"] ?? poetry["name"], "the name of the project"));
}

/**
 * What Poetry hashes of a `pyproject.toml` (its `locker.py`): what decides a resolution. Poetry before 2.2 did not know
 * `[dependency-groups]`.
 */
function contentHash(pyproject: TomlTable, reader: TomlReader, withGroups: boolean): string {
  const project = reader.table(pyproject["project"], "project");
  const poetry = reader.table(reader.table(pyproject["tool"], "tool")["poetry"], "tool.poetry");
  const groups = withGroups
    ? reader.table(pyproject["dependency-groups"], "dependency-groups")
    : {};
  const standard = some(project, ["requires-python", "dependencies", "optional-dependencies"]);
  const isStandard = Object.keys({ ...standard, ...groups }).length > 0;
  const own = {
    // Poetry 1 hashed these also where they were absent.
    ...(isStandard
      ? some(poetry, olderKeys)
      : Object.fromEntries(olderKeys.map((key) => [key, poetry[key] ?? null]))),
    ...some(poetry, ["group"]),
  };
  const content = isStandard
    ? {
        ...(Object.keys(standard).length > 0 && { project: standard }),
        ...(Object.keys(groups).length > 0 && { "dependency-groups": groups }),
        tool: { poetry: own },
      }
    : own;
  return createHash("sha256").update(pythonJson(content)).digest("hex");
}

const olderKeys = ["dependencies", "source", "extras", "dev-dependencies"];

function some(table: TomlTable, keys: readonly string[]): TomlTable {
  return Object.fromEntries(
    keys.flatMap((key) => (table[key] === undefined ? [] : [[key, table[key]]])),
  );
}

/** JSON as Python's `json.dumps(…, sort_keys=True)` writes it. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, one]) => `${pythonJson(name)}: ${pythonJson(one)}`).join(", ")}}`;
  }
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function requireKnown(
  what: "extra" | "group",
  wanted: readonly string[],
  known: readonly string[],
  file: string,
): void {
  const missing = wanted.filter((name) => !known.includes(name));
  if (missing.length === 0) return;
  const have = known.length === 0 ? "none" : [...new Set(known)].sort().join(", ");
  throw new ProjectError(
    `${file} has no ${what} ${missing.join(", ")}.`,
    `Name one that it has: ${have}.`,
  );
}
