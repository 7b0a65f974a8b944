import type { Attributes } from "./attributes.ts";
import type { Finding } from "./finding.ts";
import { basename, dirname } from "./links.ts";

export interface DirectoryNode {
  readonly kind: "directory";
  /** Absent for a directory that is only known as the parent of something. */
  attributes: Attributes | undefined;
  readonly children: Map<string, TreeNode>;
}

export interface LinkNode {
  readonly kind: "link";
  /** The link's text. */
  readonly target: string;
}

/** Anything else: regular files, devices, pipes. */
export interface FileNode {
  readonly kind: "file";
  /** What was read out of its content, if it is one of those that matter. */
  readonly finding?: Finding | undefined;
}

export type TreeNode = DirectoryNode | LinkNode | FileNode;

/** The names of a filesystem, or of one layer of it, by physical path: relative to the root, which is `""`. */
export class PathTree {
  readonly #root: DirectoryNode = directoryNode(undefined);

  get(path: string): TreeNode | undefined {
    if (path === "") return this.#root;
    let node: TreeNode | undefined = this.#root;
    for (const name of path.split("/")) {
      if (node?.kind !== "directory") return undefined;
      node = node.children.get(name);
    }
    return node;
  }

  /** The text of the link at a path. */
  linkAt(path: string): string | undefined {
    const node = this.get(path);
    return node?.kind === "link" ? node.target : undefined;
  }

  /** A directory keeps what it holds; whatever else is there is replaced. */
  setDirectory(path: string, attributes: Attributes | undefined): void {
    const node = this.#directory(path);
    if (attributes) node.attributes = attributes;
  }

  /** Replaces what is there, a directory with all that it holds. */
  set(path: string, node: LinkNode | FileNode): void {
    if (path === "") return;
    this.#directory(dirname(path)).children.set(basename(path), node);
  }

  remove(path: string): void {
    const parent = path === "" ? undefined : this.get(dirname(path));
    if (parent?.kind === "directory") parent.children.delete(basename(path));
  }

  /** Removes what a directory holds. */
  empty(path: string): void {
    const node = this.get(path);
    if (node?.kind === "directory") node.children.clear();
  }

  /** All below `path` with their paths, directories before what they hold; nothing where there is no directory. */
  *below(path: string): Iterable<readonly [path: string, node: TreeNode]> {
    const start = this.get(path);
    if (start?.kind !== "directory") return;
    const open: { prefix: string; names: Iterator<[string, TreeNode]> }[] = [
      { prefix: path === "" ? "" : `${path}/`, names: start.children.entries() },
    ];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const next = top.names.next();
      if (next.done === true) {
        open.pop();
        continue;
      }
      const [name, node] = next.value;
      const nodePath = `${top.prefix}${name}`;
      yield [nodePath, node];
      if (node.kind === "directory")
        open.push({ prefix: `${nodePath}/`, names: node.children.entries() });
    }
  }

  #directory(path: string): DirectoryNode {
    let node = this.#root;
    if (path === "") return node;
    for (const name of path.split("/")) {
      const child = node.children.get(name);
      if (child?.kind === "directory") {
        node = child;
      } else {
        const made = directoryNode(undefined);
        node.children.set(name, made);
        node = made;
      }
    }
    return node;
  }
}

function directoryNode(attributes: Attributes | undefined): DirectoryNode {
  return { kind: "directory", attributes, children: new Map() };
}
