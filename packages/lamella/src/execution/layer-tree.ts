import { LayerUnpackError } from "./error.ts";

/** What a layer has at a path so far. `implied`: a directory that only paths below it speak of. */
export type NodeKind = "directory" | "implied" | "symlink" | "other";

/** As many links as Linux follows in one path (path_resolution(7)). */
const mostLinks = 40;

/**
 * The names of one layer as it is unpacked, kept in memory so that no name ever has to be looked up on disk, where a
 * link could lead elsewhere. Paths that go through the layer's own links are given the place where those end within
 * the layer's root, as container runtimes do; so what is written never has a link among its parents.
 */
export class LayerTree {
  readonly #kinds = new Map<string, NodeKind>([["", "implied"]]);
  readonly #targets = new Map<string, string>();
  readonly #makeDirectory: (path: string) => void;

  /** `makeDirectory` is called for each directory that must be there and has no entry so far, parents first. */
  constructor(makeDirectory: (path: string) => void) {
    this.#makeDirectory = makeDirectory;
  }

  kind(path: string): NodeKind | undefined {
    return this.#kinds.get(path);
  }

  /** The text of the symbolic link at a place. */
  linkTarget(place: string): string | undefined {
    return this.#targets.get(place);
  }

  /** Directories that have no entry of their own, parents first; the root is `""`. */
  impliedDirectories(): string[] {
    return [...this.#kinds].flatMap(([path, kind]) => (kind === "implied" ? [path] : [])).sort();
  }

  /**
   * The place of an entry: its parent with links followed, and its own name. Parents that are not there become implied
   * directories. Raises {@link LayerUnpackError} for a parent that is a file, and for links in a circle.
   */
  place(path: string): string {
    const slash = path.lastIndexOf("/");
    const parent = slash < 0 ? "" : path.slice(0, slash);
    if (isDirectory(this.#kinds.get(parent))) return path;
    const place = this.#directory(parent, path);
    const name = path.slice(slash + 1);
    return place === "" ? name : `${place}/${name}`;
  }

  /** The place of a directory itself, with links followed, also the last one. */
  directory(path: string): string {
    return this.#directory(path, path);
  }

  /**
   * Notes an entry at its place. Raises {@link LayerUnpackError} where a directory is to take the place of something
   * else or the other way round.
   */
  set(place: string, kind: "directory" | "symlink" | "other", target?: string): void {
    const before = this.#kinds.get(place);
    if (before !== undefined && isDirectory(before) !== (kind === "directory")) {
      throw refused(place, "the layer has both a directory and something else there");
    }
    this.#kinds.set(place, kind);
    if (kind === "symlink") this.#targets.set(place, target ?? "");
  }

  #directory(path: string, asked: string): string {
    let links = 0;
    const waiting = path.split("/").reverse();
    let place = "";
    for (let segment = waiting.pop(); segment !== undefined; segment = waiting.pop()) {
      if (segment === "" || segment === ".") continue;
      if (segment === "..") {
        // The root is its own parent.
        place = place.slice(0, Math.max(0, place.lastIndexOf("/")));
        continue;
      }
      const next = place === "" ? segment : `${place}/${segment}`;
      switch (this.#kinds.get(next)) {
        case "directory":
        case "implied":
          place = next;
          break;
        case undefined:
          this.#makeDirectory(next);
          this.#kinds.set(next, "implied");
          place = next;
          break;
        case "symlink": {
          if (++links > mostLinks) throw refused(asked, "its parents are links in a circle");
          const target = this.#targets.get(next) ?? "";
          if (target.startsWith("/")) place = "";
          waiting.push(...target.split("/").reverse());
          break;
        }
        case "other":
          throw refused(asked, `the layer has a file at ${JSON.stringify(next.slice(0, 300))}`);
      }
    }
    return place;
  }
}

function isDirectory(kind: NodeKind | undefined): boolean {
  return kind === "directory" || kind === "implied";
}

function refused(path: string, why: string): LayerUnpackError {
  return new LayerUnpackError(
    `A layer's ${JSON.stringify(path.slice(0, 300))} cannot be unpacked: ${why}.`,
    "The layer is damaged or hostile. Push the image anew, or use another one.",
  );
}
