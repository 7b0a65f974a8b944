import { basename, dirname, followLinks } from "./links.ts";
import type { Interpreter, Libc } from "./outline.ts";
import type { PathTree } from "./path-tree.ts";

/** What a container searches when the config sets no PATH (Docker's and containerd's default). */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Searched after the image's own PATH. */
const furtherFolders = ["/usr/local/bin", "/usr/bin", "/opt/conda/bin"];

/**
 * The Python that a container runs as `python3` or `python`: the first on the image's PATH whose name, links followed,
 * is of the form `python3.11`, or that has a `lib/python3.11` beside its `bin`.
 */
export function findInterpreter(
  tree: PathTree,
  environment: ReadonlyMap<string, string>,
): Interpreter | undefined {
  const folders = (environment.get("PATH") ?? defaultPath).split(":").concat(furtherFolders);
  for (const folder of folders) {
    for (const name of ["python3", "python"]) {
      const physical = followLinks(`${folder}/${name}`, (path) => tree.linkAt(path));
      if (tree.get(physical)?.kind !== "file") continue;
      const prefix = dirname(dirname(physical));
      const python =
        /^python(3\.\d+)$/.exec(basename(physical))?.[1] ?? onlyLibrary(tree, prefix)?.[1];
      if (python === undefined) continue;
      const version = fullVersion(tree, physical, prefix, python, environment);
      return {
        python,
        ...(version !== undefined && { version }),
        executable: `/${physical}`,
        prefix: `/${prefix}`,
      };
    }
  }
  return undefined;
}

function onlyLibrary(tree: PathTree, prefix: string): RegExpExecArray | undefined {
  const found = childNames(tree, join(prefix, "lib"))
    .map((name) => /^python(3\.\d+)$/.exec(name))
    .filter((match) => match !== null);
  return found.length === 1 ? found[0] : undefined;
}

/** From the interpreter's binary or its shared library; else from the variable that Docker's Python images set. */
function fullVersion(
  tree: PathTree,
  executable: string,
  prefix: string,
  python: string,
  environment: ReadonlyMap<string, string>,
): string | undefined {
  const libraries = ["lib", "lib64", ...multiarch.map((triple) => `lib/${triple}`)]
    .map((folder) => join(prefix, folder))
    .flatMap((folder) =>
      childNames(tree, folder)
        .filter((name) => name.startsWith(`libpython${python}.so`))
        .map((name) => join(folder, name)),
    );
  for (const path of [executable, ...libraries]) {
    const node = tree.get(path);
    if (node?.kind !== "file" || node.finding?.kind !== "python") continue;
    const own = node.finding.versions.find((version) => version.startsWith(`${python}.`));
    if (own !== undefined) return own;
  }
  const declared = environment.get("PYTHON_VERSION");
  return declared?.startsWith(`${python}.`) === true ? declared : undefined;
}

/** Debian's names of architectures (multiarch tuples). */
const multiarch = ["x86_64-linux-gnu", "aarch64-linux-gnu"];

const libraryFolders = [...multiarch.map((triple) => `lib/${triple}`), "lib64", "lib"].flatMap(
  (folder) => [folder, `usr/${folder}`],
);

/** The C library that programs in a container are linked to; glibc where both are there. */
export function findLibc(tree: PathTree): Libc | undefined {
  for (const family of ["glibc", "musl"] as const) {
    const names =
      family === "glibc"
        ? ["libc.so.6"]
        : ["ld-musl-x86_64.so.1", "ld-musl-aarch64.so.1", "libc.so"];
    for (const folder of libraryFolders) {
      for (const name of names) {
        const node = tree.get(followLinks(`${folder}/${name}`, (path) => tree.linkAt(path)));
        if (node?.kind !== "file" || node.finding?.kind !== "libc") continue;
        if (node.finding.family !== family) continue;
        const { major, minor } = node.finding;
        return { kind: family, major, minor };
      }
    }
  }
  return undefined;
}

/** Names in a directory, links on the way there followed, sorted. */
function childNames(tree: PathTree, path: string): string[] {
  const node = tree.get(followLinks(path, (physical) => tree.linkAt(physical)));
  return node?.kind === "directory" ? [...node.children.keys()].sort() : [];
}

function join(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}
