import type { Platform } from "../image/platform.ts";
import { parseWheelFilename, type WheelFilename } from "./wheel-filename.ts";

/** A C library and its version: what decides which binary wheels a base can load. */
export interface CLibrary {
  readonly kind: "glibc" | "musl";
  readonly major: number;
  readonly minor: number;
}

/** What a wheel must fit. */
export interface WheelTarget {
  /** Minor version of CPython, `3.11`. */
  readonly python: string;
  readonly platform: Platform;
  readonly libc: CLibrary;
}

const machines: Readonly<Record<Platform, string>> = {
  "linux/amd64": "x86_64",
  "linux/arm64": "aarch64",
};

/** The machine's name in wheel tags and in the marker `platform_machine`. */
export function machineName(platform: Platform): string {
  return machines[platform];
}

/** Splits `3.11` into its numbers. Only CPython 3 has ever had wheels of the tags below. */
export function pythonMinor(python: string): number {
  const match = /^3\.(\d{1,3})$/.exec(python);
  if (!match) throw new RangeError(`Not a minor version of Python 3: ${JSON.stringify(python)}`);
  return Number(match[1]);
}

/** PEP 600, "Legacy manylinux tags": the glibc minor version that each older name stands for. */
const legacyManylinux: ReadonlyMap<number, string> = new Map([
  [17, "manylinux2014"],
  [12, "manylinux2010"],
  [5, "manylinux1"],
]);

/**
 * Platform tags, most specific first: `manylinux_2_N` down to the oldest glibc that the architecture ever had (PEP 600)
 * or `musllinux_1_N` (PEP 656), then plain `linux`.
 */
export function platformTags(platform: Platform, libc: CLibrary): string[] {
  const machine = machineName(platform);
  const tags: string[] = [];
  if (libc.kind === "musl") {
    for (let minor = libc.minor; minor >= 0; minor--) {
      tags.push(`musllinux_${libc.major}_${minor}_${machine}`);
    }
  } else if (libc.major === 2) {
    const oldest = platform === "linux/amd64" ? 5 : 17;
    for (let minor = libc.minor; minor >= oldest; minor--) {
      tags.push(`manylinux_2_${minor}_${machine}`);
      const legacy = legacyManylinux.get(minor);
      if (legacy !== undefined) tags.push(`${legacy}_${machine}`);
    }
  }
  tags.push(`linux_${machine}`);
  return tags;
}

/**
 * The tags that the target can install, best first, in the order of the reference implementation (`packaging.tags`,
 * PEP 425): own ABI, stable ABI, no ABI, stable ABI of older minors, then pure Python.
 */
export function supportedTags(target: WheelTarget): string[] {
  const minor = pythonMinor(target.python);
  const interpreter = `cp3${minor}`;
  const platforms = platformTags(target.platform, target.libc);
  const on = (prefix: string): string[] => platforms.map((platform) => `${prefix}-${platform}`);

  const tags = [...on(`${interpreter}-${interpreter}`), ...on(`${interpreter}-abi3`)];
  tags.push(...on(`${interpreter}-none`));
  // The stable ABI began with Python 3.2 (PEP 384).
  for (let older = minor - 1; older >= 2; older--) tags.push(...on(`cp3${older}-abi3`));

  const pure = [`py3${minor}`, "py3"];
  for (let older = minor - 1; older >= 0; older--) pure.push(`py3${older}`);
  for (const version of pure) tags.push(...on(`${version}-none`));
  tags.push(`${interpreter}-none-any`);
  for (const version of pure) tags.push(`${version}-none-any`);
  return tags;
}

/**
 * The wheel of a release that the target installs: the one with the best tag; among equals the highest build tag
 * (PEP 427), then the first by file name, then the first given. Undefined when none fits. File names that cannot be
 * parsed are passed over, as installers do: old releases carry a few.
 */
export function chooseWheel<T extends { readonly filename: string }>(
  wheels: readonly T[],
  target: WheelTarget,
): T | undefined {
  const ranks = tagRanks(target);
  let best: { wheel: T; name: WheelFilename; rank: number } | undefined;
  for (const wheel of wheels) {
    const name = parsedOrUndefined(wheel.filename);
    if (name === undefined) continue;
    const rank = bestRank(name, ranks);
    if (rank === undefined) continue;
    if (
      best === undefined ||
      rank < best.rank ||
      (rank === best.rank && precedes(name, best.name))
    ) {
      best = { wheel, name, rank };
    }
  }
  return best?.wheel;
}

/** Of each target so far: a handful, asked about for every wheel. */
const knownRanks = new Map<string, ReadonlyMap<string, number>>();

function tagRanks(target: WheelTarget): ReadonlyMap<string, number> {
  const { python, platform, libc } = target;
  const key = [python, platform, libc.kind, libc.major, libc.minor].join(" ");
  const ranks =
    knownRanks.get(key) ?? new Map(supportedTags(target).map((tag, rank) => [tag, rank]));
  knownRanks.set(key, ranks);
  return ranks;
}

function parsedOrUndefined(filename: string): WheelFilename | undefined {
  try {
    return parseWheelFilename(filename);
  } catch {
    return undefined;
  }
}

function bestRank(wheel: WheelFilename, ranks: ReadonlyMap<string, number>): number | undefined {
  let best: number | undefined;
  for (const python of wheel.pythonTags) {
    for (const abi of wheel.abiTags) {
      for (const platform of wheel.platformTags) {
        // Tags compare without case (PEP 425 tags are lower case; old builders wrote `Linux`).
        const rank = ranks.get(`${python}-${abi}-${platform}`.toLowerCase());
        if (rank !== undefined && (best === undefined || rank < best)) best = rank;
      }
    }
  }
  return best;
}

function precedes(a: WheelFilename, b: WheelFilename): boolean {
  const number = (a.build?.number ?? -1) - (b.build?.number ?? -1);
  if (number !== 0) return number > 0;
  const [suffixA, suffixB] = [a.build?.suffix ?? "", b.build?.suffix ?? ""];
  if (suffixA !== suffixB) return suffixA > suffixB;
  return a.filename < b.filename;
}
