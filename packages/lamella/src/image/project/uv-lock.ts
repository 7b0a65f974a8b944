import type { ProjectError } from "../error.ts";
import { parseProjectToml, readProjectText, TomlReader, type TomlTable } from "./project-toml.ts";

// A `uv.lock` as uv has written it since its format has version 1: later revisions only add what older readers may pass
// over (uv documentation, "Project structure and files", "Lockfile versioning").

/** The content of a `uv.lock`, or of the lock of a script. */
export interface UvLock {
  /** Absolute path. Relative paths in it start at its folder. */
  readonly file: string;
  readonly requiresPython?: string;
  /** Names of the packages that the workspace consists of. */
  readonly members: readonly string[];
  /** What is asked for where no package does so: by a script, or by a workspace without a project of its own. */
  readonly requirements: readonly UvRequirement[];
  /** The dependency groups of such a workspace. */
  readonly groups: ReadonlyMap<string, readonly UvRequirement[]>;
  readonly packages: readonly UvPackage[];
  /** Sets of extras and groups of which the project allows one at a time. */
  readonly conflicts: readonly (readonly UvChoice[])[];
}

/** An extra or a group of a package of the project. */
export interface UvChoice {
  readonly package: string;
  readonly extra?: string;
  readonly group?: string;
}

/** One package in one version. There may be several of one name, for different environments. */
export interface UvPackage {
  /** Normalized. */
  readonly name: string;
  /** Absent where only a build can tell. */
  readonly version?: string;
  readonly source: UvSource;
  /** Environments that this one of several of its name is for, of which one must hold; empty for all. */
  readonly resolutionMarkers: readonly string[];
  readonly dependencies: readonly UvDependency[];
  readonly extras: ReadonlyMap<string, readonly UvDependency[]>;
  readonly groups: ReadonlyMap<string, readonly UvDependency[]>;
  readonly wheels: readonly UvFile[];
  readonly sdist?: UvFile;
  /** What its metadata says, for packages of the project. */
  readonly requires: UvRequires;
}

/** What a package of the project asks for, as it was when the lock was written. */
export interface UvRequires {
  readonly dist: readonly UvRequirement[];
  readonly groups: ReadonlyMap<string, readonly UvRequirement[]>;
}

export interface UvRequirement {
  readonly name: string;
  readonly extras: readonly string[];
  readonly specifier?: string;
  readonly marker?: string;
  /** Whether the project says where it comes from, in place of an index. */
  readonly hasSource: boolean;
}

/** A package that another one needs, in an environment. */
export interface UvDependency {
  readonly name: string;
  /** Given where there are several of the name. */
  readonly version?: string;
  readonly source?: UvSource;
  readonly extras: readonly string[];
  readonly marker?: string;
}

/** Where a package comes from. Paths of this machine are as written. */
export interface UvSource {
  readonly kind: "registry" | "git" | "url" | "path" | "directory" | "editable" | "virtual";
  /** An address or a path. */
  readonly at: string;
  /** Below the address, in a repository or an archive. */
  readonly subdirectory?: string;
}

/** A wheel or a source distribution; where it lies is said by one of the three, or by the package's source. */
export interface UvFile {
  readonly url?: string;
  readonly path?: string;
  readonly filename?: string;
  /** `sha256:HEX`. */
  readonly hash?: string;
  /** In bytes. */
  readonly size?: number;
}

const kinds = ["registry", "git", "url", "path", "directory", "editable", "virtual"] as const;

const normalized = /^[a-z0-9](?:[a-z0-9-]{0,253}[a-z0-9])?$/;

/** Whether a package is one of this machine's folders, of which a wheel can be built. */
export function isFolderSource({ kind }: UvSource): boolean {
  return kind === "directory" || kind === "editable";
}

/** Reads a lock of uv. Raises ProjectError for what is none, or of another version, and the errors of reading a file. */
export function readUvLock(file: string): UvLock {
  const text = readProjectText(file);
  const known = lately.get(file);
  if (known?.text === text) return known.lock;
  const lock = parseUvLock(text, file);
  // The last of a few: a lock of a megabyte takes tens of milliseconds to parse, and a build reads it several times.
  lately.delete(file);
  lately.set(file, { text, lock });
  const [oldest] = lately.keys();
  if (lately.size > mostKept && oldest !== undefined) lately.delete(oldest);
  return lock;
}

const mostKept = 4;
const lately = new Map<string, { readonly text: string; readonly lock: UvLock }>();

function parseUvLock(text: string, file: string): UvLock {
  const reader = new LockReader(
    file,
    "Write it anew: uv lock. Or restore it from version control.",
  );
  const lock = parseProjectToml(text, file);
  const { version } = lock;
  if (version !== 1) {
    throw reader.invalid(
      `its format has version ${String(version)}, and this one reads version 1`,
      "Lock with a uv that writes version 1, or update Lamella.",
    );
  }
  const manifest = reader.table(lock["manifest"], "manifest");
  const requiresPython = reader.optionalText(lock["requires-python"], "requires-python");
  return {
    file,
    ...(requiresPython !== undefined && { requiresPython }),
    members: reader.texts(manifest["members"], "manifest.members"),
    requirements: reader.requirements(manifest["requirements"], "manifest.requirements"),
    groups: reader.byName(
      manifest["dependency-groups"],
      "manifest.dependency-groups",
      (list, what) => reader.requirements(list, what),
    ),
    conflicts: reader
      .list(lock["conflicts"], "conflicts")
      .map((set) => reader.list(set, "conflicts").map((item) => reader.choice(item))),
    packages: reader.list(lock["package"], "package").map((entry, index) => {
      return reader.package(reader.table(entry, `package ${index + 1}`), `package ${index + 1}`);
    }),
  };
}

class LockReader extends TomlReader {
  choice(item: unknown): UvChoice {
    const { package: name, extra, group } = this.table(item, "a conflict");
    return {
      package: this.name(name, "the package of a conflict"),
      ...(extra !== undefined && { extra: this.text(extra, "an extra of a conflict") }),
      ...(group !== undefined && { group: this.text(group, "a group of a conflict") }),
    };
  }

  package(table: TomlTable, position: string): UvPackage {
    const name = this.name(table["name"], `the name of ${position}`);
    const version = this.optionalText(table["version"], `the version of ${name}`);
    if (version !== undefined && !/^[A-Za-z0-9_.!+-]{1,200}$/.test(version)) {
      throw this.invalid(`the version of ${name} is none`);
    }
    const metadata = this.table(table["metadata"], `the metadata of ${name}`);
    const dependencies = (list: unknown, what: string): readonly UvDependency[] =>
      this.list(list, what).map((item) => this.dependency(this.table(item, what), name));
    return {
      name,
      ...(version !== undefined && { version }),
      source: this.source(this.table(table["source"], `the source of ${name}`), name),
      resolutionMarkers: this.texts(table["resolution-markers"], `resolution-markers of ${name}`),
      dependencies: dependencies(table["dependencies"], `dependencies of ${name}`),
      extras: this.byName(table["optional-dependencies"], `extras of ${name}`, dependencies),
      groups: this.byName(table["dev-dependencies"], `groups of ${name}`, dependencies),
      wheels: this.list(table["wheels"], `wheels of ${name}`).map((item) => this.file(item, name)),
      ...(table["sdist"] !== undefined && { sdist: this.file(table["sdist"], name) }),
      requires: {
        dist: this.requirements(metadata["requires-dist"], `requires-dist of ${name}`),
        groups: this.byName(metadata["requires-dev"], `requires-dev of ${name}`, (list, what) =>
          this.requirements(list, what),
        ),
      },
    };
  }

  requirements(value: unknown, what: string): readonly UvRequirement[] {
    return this.list(value, what).map((item) => {
      const table = this.table(item, what);
      const name = this.name(table["name"], `a name in ${what}`);
      const specifier = this.optionalText(table["specifier"], `the specifier of ${name}`);
      const marker = this.optionalText(table["marker"], `the marker of ${name}`);
      return {
        name,
        extras: this.texts(table["extras"], `the extras of ${name}`),
        ...(specifier !== undefined && { specifier }),
        ...(marker !== undefined && { marker }),
        hasSource: kinds.some((kind) => table[kind] !== undefined),
      };
    });
  }

  dependency(table: TomlTable, of: string): UvDependency {
    const name = this.name(table["name"], `a dependency of ${of}`);
    const version = this.optionalText(table["version"], `the version of ${name} for ${of}`);
    const marker = this.optionalText(table["marker"], `the marker of ${name} for ${of}`);
    const { source } = table;
    return {
      name,
      extras: this.texts(table["extra"], `the extras of ${name} for ${of}`),
      ...(version !== undefined && { version }),
      ...(marker !== undefined && { marker }),
      ...(source !== undefined && {
        source: this.source(this.table(source, `the source of ${name}`), name),
      }),
    };
  }

  source(table: TomlTable, name: string): UvSource {
    const kind = kinds.find((one) => table[one] !== undefined);
    if (kind === undefined) {
      throw this.invalid(
        `${name} has a source of a kind that is not known: ${Object.keys(table).join(", ")}`,
        "A newer Lamella may know it: update.",
      );
    }
    const subdirectory = this.optionalText(table["subdirectory"], `the source of ${name}`);
    return {
      kind,
      at: this.text(table[kind], `the source of ${name}`),
      ...(subdirectory !== undefined && { subdirectory }),
    };
  }

  file(value: unknown, name: string): UvFile {
    const table = this.table(value, `a file of ${name}`);
    const { size } = table;
    const texts = Object.fromEntries(
      (["url", "path", "filename", "hash"] as const).flatMap((key) => {
        const text = this.optionalText(table[key], `${key} of a file of ${name}`);
        return text === undefined ? [] : [[key, text]];
      }),
    ) as Omit<UvFile, "size">;
    return { ...texts, ...(typeof size === "number" && size >= 0 && { size }) };
  }

  byName<T>(
    value: unknown,
    what: string,
    read: (value: unknown, what: string) => readonly T[],
  ): ReadonlyMap<string, readonly T[]> {
    const entries = Object.entries(this.table(value, what));
    return new Map(entries.map(([name, list]) => [name, read(list, `${what}: ${name}`)]));
  }

  name(value: unknown, what: string): string {
    const name = this.text(value, what);
    if (!normalized.test(name)) throw this.invalid(`${what} is no normalized name`);
    return name;
  }
}

/** The error for what is wrong with a lock that could be read. */
export function lockProblem(
  { file }: Pick<UvLock, "file">,
  why: string,
  hint: string,
): ProjectError {
  return new TomlReader(file, hint).invalid(why);
}
