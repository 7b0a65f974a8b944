import { lstatSync, readdirSync, type Stats } from "node:fs";
import { join } from "node:path";

/** A lower directory of an overlay mount. */
export interface LowerDirectory {
  /** Absolute path on this machine. */
  readonly path: string;
  /** Directories in it that hide what the lower ones have in them. */
  readonly opaque: readonly string[];
  /** Paths in it of what has extended attributes, which Node cannot read. */
  readonly attributed: ReadonlySet<string>;
}

/** What a merged tree has at a path. */
export interface MergedEntry {
  /** Absolute path on this machine. */
  readonly path: string;
  readonly stats: Stats;
  /** Whether it has extended attributes. */
  readonly attributed: boolean;
}

interface Node extends MergedEntry {
  /** Of a directory, the lower directories that have something to say of what is in it, highest first. */
  readonly sources: readonly LowerDirectory[];
}

/**
 * Lower directories as overlayfs merges them, without a mount. It remembers the directories that were asked for, so a
 * walk down a tree looks only where there can be something: tens of thousands of new files cost nothing.
 *
 * The calls are synchronous, since each takes a few microseconds (see files/sliced-work.ts).
 */
export class MergedTree {
  readonly #directories = new Map<string, Node | undefined>();

  /** Lowest first. */
  constructor(layers: readonly LowerDirectory[]) {
    // Overlayfs does not look at the mark on a root; what is below one is not in the mount at all.
    const bottom = layers.findLastIndex(({ opaque }) => opaque.includes(""));
    const sources = layers.slice(Math.max(0, bottom)).toReversed();
    const path = sources[0]?.path;
    this.#directories.set(
      "",
      path === undefined
        ? undefined
        : { path, stats: lstatSync(path), attributed: isAttributed(sources, ""), sources },
    );
  }

  /** What is at a path (relative, `""` for the root). No link is followed. */
  entry(path: string): MergedEntry | undefined {
    return this.#node(path);
  }

  /** The names in a directory, in no order; none where there is no directory. */
  names(path: string): string[] {
    const names = new Set<string>();
    for (const source of this.#directory(path)?.sources ?? []) {
      for (const name of readdirSync(join(source.path, path))) names.add(name);
    }
    const prefix = path === "" ? "" : `${path}/`;
    // Some of them are whiteouts.
    return [...names].filter((name) => this.#node(prefix + name) !== undefined);
  }

  #directory(path: string): Node | undefined {
    if (!this.#directories.has(path)) {
      const node = this.#find(path);
      this.#directories.set(path, node?.stats.isDirectory() ? node : undefined);
    }
    return this.#directories.get(path);
  }

  #node(path: string): Node | undefined {
    return this.#directories.get(path) ?? this.#find(path);
  }

  #find(path: string): Node | undefined {
    const parent = this.#directory(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
    const sources: LowerDirectory[] = [];
    let top: Stats | undefined;
    for (const source of parent?.sources ?? []) {
      const stats = lstatSync(join(source.path, path), { throwIfNoEntry: false });
      if (stats === undefined) continue;
      if (!stats.isDirectory()) {
        // A file, a link or a whiteout ends what shows through.
        if (top !== undefined || isWhiteout(stats)) break;
        const attributed = source.attributed.has(path);
        return { path: join(source.path, path), stats, attributed, sources: [] };
      }
      top ??= stats;
      sources.push(source);
      if (source.opaque.includes(path)) break;
    }
    const [highest] = sources;
    if (highest === undefined || top === undefined) return undefined;
    const attributed = isAttributed(sources, path);
    return { path: join(highest.path, path), stats: top, attributed, sources };
  }
}

/** Of a directory it is the highest that counts, but one that was only implied has none and hides none. */
function isAttributed(sources: readonly LowerDirectory[], path: string): boolean {
  return sources.some(({ attributed }) => attributed.has(path));
}

function isWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0;
}
