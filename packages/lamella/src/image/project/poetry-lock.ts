import type { CanonicalValue } from "../../files/canonical.ts";
import { normalizeName } from "./normalize-name.ts";
import { readProjectToml, TomlReader, type TomlTable } from "./project-toml.ts";

/** A `poetry.lock` as Poetry 2 writes it: it says of each package which groups and environments need it. */
export interface PoetryLock {
  /** Absolute path. Relative paths in it start at its folder. */
  readonly file: string;
  /** Of what the `pyproject.toml` said when it was written. */
  readonly contentHash: string;
  readonly packages: readonly PoetryPackage[];
}

export interface PoetryPackage {
  /** Normalized. */
  readonly name: string;
  readonly version: string;
  /** Whether only extras of the project need it. */
  readonly isOptional: boolean;
  readonly groups: readonly string[];
  /** For which environments a group needs it; for all where the group is not in it. */
  readonly markers: ReadonlyMap<string, string>;
  /** SHA-256 in hex by file name. */
  readonly files: ReadonlyMap<string, string>;
  /** Absent for a package of the default index. */
  readonly source?: PoetrySource;
}

export interface PoetrySource {
  /** `legacy` is an index. */
  readonly kind: "legacy" | "directory" | "file" | "url" | "git";
  /** An address, or a path relative to the lock's folder. */
  readonly url: string;
  /** The commit of a repository. */
  readonly commit?: string;
  readonly subdirectory?: string;
}

const kinds = ["legacy", "directory", "file", "url", "git"] as const;

const again = "Write it anew: poetry lock. Or restore it from version control.";

/** Reads a lock of Poetry. Raises ProjectError for what is none, or of another version, and the errors of reading a file. */
export function readPoetryLock(file: string): PoetryLock {
  const reader = new TomlReader(file, again);
  const lock = readProjectToml(file);
  const metadata = reader.table(lock["metadata"], "metadata");
  const version = reader.text(metadata["lock-version"], "metadata.lock-version");
  if (version !== "2.1") {
    throw reader.invalid(
      `its format has version ${version}, and this one reads version 2.1, which says what needs each package`,
      "Write it anew with Poetry 2: poetry lock. A newer format may be known to a newer Lamella.",
    );
  }
  return {
    file,
    contentHash: reader.text(metadata["content-hash"], "metadata.content-hash"),
    packages: reader
      .list(lock["package"], "package")
      .map((entry, index) => readPackage(reader.table(entry, `package ${index + 1}`), reader)),
  };
}

function readPackage(table: TomlTable, reader: TomlReader): PoetryPackage {
  const name = normalizeName(reader.text(table["name"], "the name of a package"));
  if (!/^[a-z0-9](?:[a-z0-9-]{0,253}[a-z0-9])?$/.test(name)) {
    throw reader.invalid("the name of a package is none");
  }
  const version = reader.text(table["version"], `the version of ${name}`);
  if (!/^[A-Za-z0-9_.!+-]{1,200}$/.test(version)) {
    throw reader.invalid(`the version of ${name} is none`);
  }
  const groups = reader.texts(table["groups"], `groups of ${name}`).map(normalizeName);
  const { markers } = table;
  const byGroup: readonly (readonly [string, string])[] =
    typeof markers === "string"
      ? groups.map((group) => [group, markers] as const)
      : Object.entries(reader.table(markers, `markers of ${name}`)).map(
          ([group, marker]) =>
            [normalizeName(group), reader.text(marker, `a marker of ${name}`)] as const,
        );
  const files = reader.list(table["files"], `files of ${name}`).map((entry) => {
    const row = reader.table(entry, `a file of ${name}`);
    const hash = reader.text(row["hash"], `the hash of a file of ${name}`);
    if (!/^sha256:[0-9a-f]{64}$/.test(hash)) {
      throw reader.invalid(`a file of ${name} has no SHA-256 hash`);
    }
    return [reader.text(row["file"], `a file of ${name}`), hash.slice("sha256:".length)] as const;
  });
  const source = table["source"];
  return {
    name,
    version,
    isOptional: table["optional"] === true,
    groups,
    markers: new Map(byGroup),
    files: new Map(files),
    ...(source !== undefined && {
      source: readSource(reader.table(source, `source of ${name}`), name, reader),
    }),
  };
}

function readSource(table: TomlTable, name: string, reader: TomlReader): PoetrySource {
  const type = reader.text(table["type"], `the type of the source of ${name}`);
  const kind = kinds.find((one) => one === type);
  if (kind === undefined) {
    throw reader.invalid(
      `${name} has a source of a kind that is not known: ${type}`,
      "A newer Lamella may know it: update.",
    );
  }
  const commit = reader.optionalText(table["resolved_reference"], `the commit of ${name}`);
  const subdirectory = reader.optionalText(table["subdirectory"], `the source of ${name}`);
  return {
    kind,
    url: reader.text(table["url"], `the source of ${name}`),
    ...(commit !== undefined && { commit }),
    ...(subdirectory !== undefined && { subdirectory }),
  };
}

/** What of a package decides what is installed; where it lies and from which index it comes does not. */
export function encodePoetryPackage(
  { name, version, markers, files, source }: PoetryPackage,
  groups: readonly string[],
): CanonicalValue {
  const isPlaced = source?.kind === "git" || source?.kind === "url";
  return {
    name,
    version,
    markers: groups.map((group) => [group, markers.get(group) ?? ""]),
    files: [...files.values()].sort(),
    source: isPlaced ? [source.url, source.commit ?? "", source.subdirectory ?? ""] : undefined,
  };
}
