import { followLinks, isWithin } from "./links.ts";
import type { Distribution, Venv } from "./outline.ts";
import { comparePaths, sortedPaths } from "./path-order.ts";
import type { PathTree } from "./path-tree.ts";

/** Where the virtual environment is when the image's configuration does not say. */
const defaultPrefix = "/opt/venv";

/** The virtual environment that `VIRTUAL_ENV` names, or /opt/venv, if there is one (it has a `pyvenv.cfg`, PEP 405). */
export function findVenv(
  tree: PathTree,
  environment: ReadonlyMap<string, string>,
): Venv | undefined {
  for (const prefix of [environment.get("VIRTUAL_ENV"), defaultPrefix]) {
    if (prefix === undefined || !prefix.startsWith("/")) continue;
    const physicalPrefix = followLinks(prefix, (path) => tree.linkAt(path));
    const node = tree.get(`${physicalPrefix}/pyvenv.cfg`);
    if (physicalPrefix === "" || node?.kind !== "file" || node.finding?.kind !== "venv") continue;
    // `version` is venv's key, `version_info` is uv's and virtualenv's.
    const version = /^version(?:_info)?[ \t]*=[ \t]*(3\.\d+)/m.exec(node.finding.text)?.[1];
    const [library] = siteFolders(tree, physicalPrefix);
    const python = version ?? library?.python;
    return {
      prefix: prefix.replace(/(?<=.)\/+$/, ""),
      physicalPrefix,
      ...(python !== undefined && { python }),
    };
  }
  return undefined;
}

/** What pip, uv, and their ancestors have installed in a virtual environment, by name and location. */
export function findDistributions(tree: PathTree, venv: Venv): Distribution[] {
  const found: Distribution[] = [];
  for (const { path: location } of siteFolders(tree, venv.physicalPrefix)) {
    const folder = tree.get(location);
    if (folder?.kind !== "directory") continue;
    for (const [name, node] of folder.children) {
      const match = /^([^-]+)(?:-(.+?))?(?:-py3\.\d+)?\.(dist-info|egg-info)$/.exec(name);
      if (!match) continue;
      const [, fileName = "", fileVersion = "", form] = match;
      const described =
        form === "dist-info"
          ? tree.get(`${location}/${name}/METADATA`)
          : node.kind === "file"
            ? node
            : tree.get(`${location}/${name}/PKG-INFO`);
      const metadata =
        described?.kind === "file" && described.finding?.kind === "metadata"
          ? described.finding
          : { name: fileName, version: fileVersion };
      const record = tree.get(`${location}/${name}/RECORD`);
      found.push({
        name: normalizeName(metadata.name),
        version: metadata.version,
        location,
        ...(form === "dist-info" &&
          record?.kind === "file" &&
          record.finding?.kind === "record" && {
            record: recordedFiles(tree, venv, location, record.finding.paths),
          }),
      });
    }
  }
  return found.sort((a, b) => comparePaths(a.name, b.name) || comparePaths(a.location, b.location));
}

/** `lib/python3.11/site-packages` and its like, each once where `lib64` is a link to `lib`. */
function siteFolders(tree: PathTree, prefix: string): { path: string; python: string }[] {
  const found = new Map<string, string>();
  for (const library of ["lib", "lib64"]) {
    const folder = followLinks(`${prefix}/${library}`, (path) => tree.linkAt(path));
    const node = tree.get(folder);
    if (node?.kind !== "directory") continue;
    for (const name of [...node.children.keys()].sort()) {
      const python = /^python(3\.\d+)$/.exec(name)?.[1];
      const path = followLinks(`${folder}/${name}/site-packages`, (at) => tree.linkAt(at));
      if (python !== undefined && tree.get(path)?.kind === "directory") found.set(path, python);
    }
  }
  return [...found].map(([path, python]) => ({ path, python }));
}

/** The rows' files that are there, and in the environment, by their physical paths. */
function recordedFiles(
  tree: PathTree,
  venv: Venv,
  location: string,
  rows: readonly string[],
): string[] {
  const files = new Set<string>();
  for (const row of rows) {
    const named = row.startsWith("/") ? row : `${location}/${row}`;
    const path = followLinks(named, (physical) => tree.linkAt(physical), "kept");
    const node = tree.get(path);
    if (node && node.kind !== "directory" && isWithin(path, venv.physicalPrefix)) files.add(path);
  }
  return sortedPaths(files);
}

/** PEP 503. */
function normalizeName(name: string): string {
  return name.replaceAll(/[-_.]+/g, "-").toLowerCase();
}
