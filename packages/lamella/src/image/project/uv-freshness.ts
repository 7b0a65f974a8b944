import { existsSync } from "node:fs";
import { join } from "node:path";
import { clean } from "@renovatebot/pep440";
import type { ProjectError } from "../error.ts";
import { normalizeName } from "./normalize-name.ts";
import { readProjectToml, TomlReader, type TomlTable } from "./project-toml.ts";
import {
  isFolderSource,
  lockProblem,
  type UvLock,
  type UvPackage,
  type UvRequirement,
} from "./uv-lock.ts";
import { type LockedProject, packageFolder, possiblePackages } from "./uv-project.ts";

/**
 * Whether the lock of a project is what uv would still take: it must know what the `pyproject.toml` of each of the
 * project's packages asks for now. uv itself finds out by running what builds a package, if that has no static metadata;
 * here nothing runs, and such a package is taken for unchanged. Raises ProjectError.
 */
export function checkFreshness(project: LockedProject): void {
  for (const { package: one } of possiblePackages(project)) {
    if (!isFolderSource(one.source) && one.source.kind !== "virtual") continue;
    const file = join(packageFolder(project.lock, one), "pyproject.toml");
    if (existsSync(file)) checkPackage(project.lock, one, file, readProjectToml(file));
  }
}

function checkPackage(lock: UvLock, one: UvPackage, file: string, pyproject: TomlTable): void {
  const reader = new TomlReader(file, "Mend it.");
  const project = reader.table(pyproject["project"], "project");
  if (project["name"] === undefined) return;
  const said = { what: one.name, file, way: "uv lock" };
  const dynamic = reader.texts(project["dynamic"], "project.dynamic");
  const groups = dependencyGroups(pyproject, reader);
  if (!dynamic.some((field) => field.endsWith("dependencies"))) {
    const optional = reader.table(
      project["optional-dependencies"],
      "project.optional-dependencies",
    );
    const asked = [project["dependencies"], ...Object.values(optional)].flatMap((list) =>
      reader.texts(list, "project.dependencies"),
    );
    checkRequirements(lock, said, asked, one.requires.dist);
  }
  const wanted = [...groups.keys()].filter((name) => one.groups.has(name));
  for (const name of wanted) {
    checkRequirements(lock, said, groups.get(name) ?? [], one.requires.groups.get(name) ?? []);
  }
}

/** PEP 735's groups, with what they include; and what older projects say in `tool.uv.dev-dependencies`. */
function dependencyGroups(
  pyproject: TomlTable,
  reader: TomlReader,
): ReadonlyMap<string, readonly string[]> {
  const table = reader.table(pyproject["dependency-groups"], "dependency-groups");
  const named = new Map(Object.entries(table).map(([name, list]) => [normalizeName(name), list]));
  const members = (name: string, seen: readonly string[]): readonly string[] => {
    if (seen.includes(name)) throw reader.invalid(`its group ${name} includes itself`);
    return reader.list(named.get(name), `the group ${name}`).flatMap((item) => {
      if (typeof item === "string") return [item];
      const { "include-group": included } = reader.table(item, `an item of the group ${name}`);
      return members(normalizeName(reader.text(included, "include-group")), [...seen, name]);
    });
  };
  const groups = new Map([...named.keys()].map((name) => [name, members(name, [])]));
  const uv = reader.table(reader.table(pyproject["tool"], "tool")["uv"], "tool.uv");
  const older = reader.texts(uv["dev-dependencies"], "tool.uv.dev-dependencies");
  if (older.length > 0) groups.set("dev", [...(groups.get("dev") ?? []), ...older]);
  return groups;
}

/** What asks for packages, and how its lock is written. */
export interface Asking {
  /** For messages. */
  readonly what: string;
  readonly file: string;
  readonly way: string;
}

/** Raises ProjectError where a lock was written for other requirements than those that are asked for (lines of PEP 508). */
export function checkRequirements(
  lock: UvLock,
  asking: Asking,
  asked: readonly string[],
  locked: readonly UvRequirement[],
): void {
  const sourced = new Set(locked.filter(({ hasSource }) => hasSource).map(({ name }) => name));
  const shown = (name: string, specifier: string): string =>
    sourced.has(name) ? name : `${name}${specifier}`;
  const now = new Set(
    asked.flatMap((text) => {
      const [, name = "", rest = ""] =
        /^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*([^;@]*)/.exec(text) ?? [];
      const normal = normalizeName(name);
      return normal === "" ? [] : [shown(normal, normalSpecifier(rest))];
    }),
  );
  const then = new Set(
    locked.map(({ name, specifier = "" }) => shown(name, normalSpecifier(specifier))),
  );
  const added = [...now].filter((text) => !then.has(text));
  const removed = [...then].filter((text) => !now.has(text));
  if (added.length > 0 || removed.length > 0) throw stale(lock, asking, added, removed);
}

/** Clauses without spaces, each once, sorted, their versions as PEP 440 normalizes them. */
function normalSpecifier(text: string): string {
  const clauses = text
    .replace(/^\((.*)\)\s*$/s, "$1")
    .split(",")
    .map((clause) => clause.trim())
    .filter((clause) => clause !== "")
    .map((clause) => {
      const [, operator = "", version = ""] = /^([<>=!~]*)\s*(.*)$/s.exec(clause) ?? [];
      return `${operator}${clean(version) ?? version}`;
    });
  return [...new Set(clauses)].sort().join(",");
}

function stale(
  lock: UvLock,
  { what, file, way }: Asking,
  added: readonly string[],
  removed: readonly string[],
): ProjectError {
  const reasons = [
    ...(added.length > 0 ? [`asks for ${added.join(", ")}, which it does not know`] : []),
    ...(removed.length > 0 ? [`no longer asks for ${removed.join(", ")}`] : []),
  ];
  return lockProblem(
    lock,
    `it is older than what ${what} says: ${file} ${reasons.join(", and ")}`,
    `Write it anew: ${way}.`,
  );
}
