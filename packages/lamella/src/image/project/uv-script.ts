import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { normalizeName } from "./normalize-name.ts";
import { parseProjectToml, readProjectText, TomlReader, type TomlTable } from "./project-toml.ts";
import { checkRequirements } from "./uv-freshness.ts";
import { readUvLock } from "./uv-lock.ts";
import type { LockedProject } from "./uv-project.ts";

/** What a script says that it needs (PEP 723). */
export interface ScriptMetadata {
  /** Absolute path of the script. */
  readonly file: string;
  readonly requiresPython?: string;
  /** Lines of PEP 508. Where the script says where one comes from, with that address. */
  readonly dependencies: readonly string[];
  /** `[tool.uv]`. */
  readonly uv: TomlTable;
}

/** Indexes that a script names. */
export interface ScriptIndexes {
  readonly indexUrl?: string;
  readonly extraIndexUrls?: readonly string[];
  readonly pre?: boolean;
}

const hint =
  'A script says what it needs in a comment of its own (PEP 723): "# /// script", lines that begin with "# ", "# ///".';

/** Reads the metadata of a script. Raises ProjectError for one that has none, and the errors of reading a file. */
export function readScript(file: string): ScriptMetadata {
  const reader = new TomlReader(file, hint);
  const { text, line } = metadataBlock(readProjectText(file), reader);
  // Lines before the block, so that errors name the script's own.
  const metadata = parseProjectToml(`${"\n".repeat(line)}${text}`, file);
  const requiresPython = reader.optionalText(metadata["requires-python"], "requires-python");
  const uv = reader.table(reader.table(metadata["tool"], "tool")["uv"], "tool.uv");
  return {
    file,
    ...(requiresPython !== undefined && { requiresPython }),
    dependencies: reader.texts(metadata["dependencies"], "dependencies"),
    uv,
  };
}

/**
 * The lock that `uv lock --script` wrote beside a script, and what of it is installed: everything. Undefined where there
 * is none. Raises ProjectError where it does not know what the script asks for.
 */
export function readScriptLock({ file, dependencies }: ScriptMetadata): LockedProject | undefined {
  const lockFile = `${file}.lock`;
  if (!existsSync(lockFile)) return undefined;
  const lock = readUvLock(lockFile);
  const { requirements } = lock;
  checkRequirements(
    lock,
    { what: "the script", file, way: "uv lock --script" },
    dependencies,
    requirements,
  );
  return { lock, selection: { roots: [], requirements } };
}

/**
 * What a script without a lock asks for. Of `[tool.uv]` that is where dependencies and packages come from; raises
 * ProjectError for anything else there, which only a lock can follow.
 */
export function scriptRequirements(
  script: ScriptMetadata,
): ScriptIndexes & { readonly packages: readonly string[] } {
  const { file, dependencies, uv } = script;
  const reader = new TomlReader(
    file,
    `Write a lock beside it, which is then used: uv lock --script ${file}.`,
  );
  const { sources, index, prerelease, ...others } = uv;
  const [other] = Object.keys(others);
  if (other !== undefined)
    throw reader.invalid(`its [tool.uv] has ${other}, which only a lock follows`);
  if (prerelease !== undefined && prerelease !== "allow") {
    throw reader.invalid(
      "its [tool.uv] has another prerelease than allow, which only a lock follows",
    );
  }
  const named = new Map(
    Object.entries(reader.table(sources, "tool.uv.sources")).map(([name, source]) => [
      normalizeName(name),
      address(reader.table(source, `the source of ${name}`), name, file, reader),
    ]),
  );
  return {
    packages: dependencies.map((text) => withSource(text, named)),
    ...indexes(index, reader),
    ...(prerelease === "allow" && { pre: true }),
  };
}

function metadataBlock(
  script: string,
  reader: TomlReader,
): { readonly text: string; readonly line: number } {
  const lines = script.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  const begins = lines.flatMap((line, at) => (line === "# /// script" ? [at] : []));
  const [begin] = begins;
  if (begin === undefined) throw reader.invalid("it does not say what it needs");
  if (begins.length > 1) throw reader.invalid("it says what it needs more than once");
  const after = lines.slice(begin + 1);
  const comments = after.findIndex((line) => !/^#(?: |$)/.test(line));
  const block = comments === -1 ? after : after.slice(0, comments);
  // The last such line ends it: one within may be part of the content.
  const end = block.lastIndexOf("# ///");
  if (end === -1) throw reader.invalid(`what it needs, from line ${begin + 1}, does not end`);
  return {
    text: block
      .slice(0, end)
      .map((line) => line.slice(2))
      .join("\n"),
    line: begin + 1,
  };
}

/** Where a dependency comes from, as a requirement has it after its name. */
function address(source: TomlTable, name: string, file: string, reader: TomlReader): string {
  const { path, url, git, rev, tag, branch, subdirectory, editable: _, ...others } = source;
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw reader.invalid(`its source of ${name} has ${other}, which only a lock follows`);
  }
  const what = `the source of ${name}`;
  const below = reader.optionalText(subdirectory, what);
  if (path !== undefined) {
    return pathToFileURL(resolve(dirname(file), reader.text(path, what), below ?? ".")).href;
  }
  if (url !== undefined) return reader.text(url, what);
  const reference = reader.optionalText(rev ?? tag ?? branch, what);
  const at = reference === undefined ? "" : `@${reference}`;
  return `git+${reader.text(git, what)}${at}${below === undefined ? "" : `#subdirectory=${below}`}`;
}

function withSource(requirement: string, sources: ReadonlyMap<string, string>): string {
  const [, name = "", extras = "", rest = ""] =
    /^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?(.*)$/s.exec(requirement) ?? [];
  const source = sources.get(normalizeName(name));
  if (source === undefined) return requirement;
  const marker = /;.*$/s.exec(rest)?.[0];
  return `${name}${extras} @ ${source}${marker === undefined ? "" : ` ${marker}`}`;
}

function indexes(value: unknown, reader: TomlReader): ScriptIndexes {
  const list = reader.list(value, "tool.uv.index").map((item) => {
    const { url, default: isDefault, name: _, ...others } = reader.table(item, "tool.uv.index");
    const [other] = Object.keys(others);
    if (other !== undefined)
      throw reader.invalid(`an index of it has ${other}, which only a lock follows`);
    return { url: reader.text(url, "the url of an index"), isDefault: isDefault === true };
  });
  const first = list.find(({ isDefault }) => isDefault)?.url;
  const further = list.flatMap(({ url, isDefault }) => (isDefault ? [] : [url]));
  return {
    ...(first !== undefined && { indexUrl: first }),
    ...(further.length > 0 && { extraIndexUrls: further }),
  };
}
