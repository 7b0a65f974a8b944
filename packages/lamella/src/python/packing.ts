import { createHash } from "node:crypto";
import { compareByteOrder } from "../files/byte-order.ts";

// Which wheels share a layer, and in which order the layers lie (docs: architecture, "Order and packing"). The numbers are
// set by the benchmark: a layer costs 55 ms of a pull and 2 to 3 ms of each start, a changed one costs what it holds and,
// in Docker's store, all that lies above it.

/** Wheels of at least so many bytes are large: they have a layer each, as far as there are layers. */
const largeWheel = 1024 * 1024;

/** Wheels for any platform, and wheels for one, that have a layer of their own, at most; the largest have them. */
const singleLayers = { any: 6, one: 14 } as const;

/** Layers that the others share, for the first call, by what is in them. */
const firstBuckets = {
  /** Small wheels for any platform. */
  any: 4,
  /** Small wheels for one platform: fewer, and hardly ever larger. */
  one: 1,
  /** Bytecode of small wheels for any platform. */
  bytecode: 4,
  /** Bytecode of large wheels for any platform. */
  largeBytecode: 1,
  /** Bytecode of wheels for one platform. */
  bytecodeOfOne: 4,
} as const;

/** The same for each later call: one layer of each sort. */
const laterBuckets = 1;

/** Calls that have layers of their own; those after them share the last one's. It bounds the layers of any image. */
const separateCalls = 3;

/** The most groups that {@link packWheels} gives, whatever it is given. */
export const largestPacking: number =
  singleLayers.any +
  singleLayers.one +
  Object.values(firstBuckets).reduce(
    (sum, first) => sum + first + (separateCalls - 1) * laterBuckets,
    0,
  );

/** A locked package, as far as packing looks at it. */
export interface PackageToPack {
  /** Normalized. */
  readonly name: string;
  /** Length of its wheel in bytes. */
  readonly size: number;
  /** Which of the definition's calls asked for it first: 0, 1, … */
  readonly call: number;
  /** Whether its wheel is for any platform, and so the same for all platforms of an image. */
  readonly anyPlatform: boolean;
}

/** What shares a layer. */
export interface Group {
  /** The same for the same layer of the next build; a lock keeps the order of keys. */
  readonly key: string;
  readonly kind: "wheels" | "bytecode";
  /** The call whose layers it is among. */
  readonly call: number;
  /** Indices of packages, by name. */
  readonly packages: readonly number[];
}

/**
 * Packs packages into groups, in layer order with the lowest first: for each call the large wheels, the largest first,
 * their bytecode, the buckets of the other wheels, and their bytecode. A package's bucket depends on its name alone, so
 * that adding or changing one package changes one bucket, and one of bytecode.
 *
 * A wheel for any platform never shares a layer with one for a single platform, and neither does its bytecode: so an
 * image for several platforms has those layers once.
 *
 * `previous` are the keys of an earlier packing in its order: those that are still there keep their order, and what is new
 * goes on top, where it costs the nodes that have the image nothing but itself.
 */
export function packWheels(
  packages: readonly PackageToPack[],
  previous: readonly string[] = [],
): Group[] {
  const byName = [...packages.keys()].sort((a, b) =>
    compareByteOrder(packages[a]?.name ?? "", packages[b]?.name ?? ""),
  );
  const single = singlePackages(packages, byName);
  const groups = new Map<string, Placed>();
  for (const index of byName) {
    const item = packages[index] as PackageToPack;
    const call = Math.min(item.call, separateCalls - 1);
    const rank = single.get(index);
    const wheels =
      rank === undefined
        ? bucketOf(item, call, item.anyPlatform ? "any" : "one")
        : placed("wheels", `wheel ${item.name}`, [call, section.single, rank]);
    const bytecode = bucketOf(item, call, bytecodeSort(item));
    for (const { group, position } of [wheels, bytecode]) {
      const there = groups.get(group.key)?.group.packages ?? [];
      groups.set(group.key, { position, group: { ...group, packages: [...there, index] } });
    }
  }
  const before = new Map(previous.map((key, index) => [key, index]));
  return [...groups.values()]
    .sort((a, b) => {
      const [left, right] = [a, b].map(({ group }) => before.get(group.key) ?? before.size);
      return (left ?? 0) - (right ?? 0) || comparePositions(a.position, b.position);
    })
    .map(({ group }) => group);
}

/** A sort of layer that wheels, or their bytecode, share. */
type Bucket = keyof typeof firstBuckets;

function bytecodeSort({ anyPlatform, size }: PackageToPack): Bucket {
  if (!anyPlatform) return "bytecodeOfOne";
  return size >= largeWheel ? "largeBytecode" : "bytecode";
}

/** The beginnings of the buckets' keys. */
const bucketNames: Readonly<Record<Bucket, string>> = {
  any: "wheels",
  one: "wheels of platform",
  bytecode: "bytecode",
  largeBytecode: "bytecode of large",
  bytecodeOfOne: "bytecode of platform",
};

/** The order of what a call gives. */
const section = {
  single: 0,
  bytecodeOfOne: 1,
  largeBytecode: 2,
  one: 3,
  any: 4,
  bytecode: 5,
} as const;

function bucketOf({ name }: PackageToPack, call: number, sort: Bucket): Placed {
  const bucket = numberOf(name, call === 0 ? firstBuckets[sort] : laterBuckets);
  const kind = sort === "any" || sort === "one" ? "wheels" : "bytecode";
  return placed(kind, `${bucketNames[sort]} ${call}.${bucket}`, [call, section[sort], bucket]);
}

/** Call, section, and place in the section. */
type Position = readonly [number, number, number];

interface Placed {
  readonly group: Group;
  readonly position: Position;
}

function placed(kind: Group["kind"], key: string, position: Position): Placed {
  return { group: { key, kind, call: position[0], packages: [] }, position };
}

function comparePositions(a: Position, b: Position): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/**
 * The packages that have a layer of their own, each with its rank: 0 for the largest. Those for any platform are chosen
 * among themselves, since the others differ from platform to platform.
 */
function singlePackages(
  packages: readonly PackageToPack[],
  byName: readonly number[],
): ReadonlyMap<number, number> {
  const size = (index: number): number => packages[index]?.size ?? 0;
  const bySize = byName.filter((at) => size(at) >= largeWheel).sort((a, b) => size(b) - size(a));
  const left = { ...singleLayers } as { any: number; one: number };
  const largest = bySize.filter((at) => left[packages[at]?.anyPlatform ? "any" : "one"]-- > 0);
  return new Map(largest.map((index, rank) => [index, rank]));
}

/** A number below `buckets` that depends on the name alone. */
function numberOf(name: string, buckets: number): number {
  return createHash("sha256").update(name).digest().readUInt32BE(0) % buckets;
}
