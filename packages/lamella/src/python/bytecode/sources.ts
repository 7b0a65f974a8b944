import { compareByteOrder } from "../../files/byte-order.ts";
import { type InstallTarget, sitePackages } from "../install-target.ts";
import type { OpenWheel } from "../wheel.ts";
import type { ZipEntry } from "../zip.ts";

/** A Python source that a wheel installs. */
export interface Source {
  /** Relative to the prefix. */
  readonly path: string;
  readonly entry: ZipEntry;
}

/** Sources that are compiled one after the other in one process; part of what decides the bytes. */
const chunkLength = 64;

/** Larger sources, in bytes, are left out: compiling takes up to a hundred times their size in memory. */
const largestSource = 16 * 1024 * 1024;

/**
 * Suites of tests that packages bring along: near half of what pandas, scipy and their like install, imported by no
 * program. Where one is imported all the same, Python compiles it then.
 */
const testSuite = /\/tests\//;

/** A wheel's sources in fixed chunks: what lies in the folder of packages and ends in `.py`, but for tests, by path. */
export function sourceChunks(wheel: OpenWheel, target: InstallTarget): Source[][] {
  const library = `${sitePackages(target)}/`;
  const sources: Source[] = [];
  for (const [path, { content }] of wheel.files) {
    if (!/[^/]\.py$/.test(path) || !path.startsWith(library)) continue;
    if (path.includes("/__pycache__/") || testSuite.test(path)) continue;
    // Whatever the installer makes itself is no module.
    if (content instanceof Uint8Array || content.size > largestSource) continue;
    sources.push({ path, entry: content });
  }
  sources.sort((a, b) => compareByteOrder(a.path, b.path));
  return Array.from({ length: Math.ceil(sources.length / chunkLength) }, (_, index) =>
    sources.slice(index * chunkLength, (index + 1) * chunkLength),
  );
}

/** Where Python looks for the bytecode of a source (PEP 3147). */
export function bytecodePath(source: string, cacheTag: string): string {
  const slash = source.lastIndexOf("/");
  const name = source.slice(slash + 1, -".py".length);
  return `${source.slice(0, slash + 1)}__pycache__/${name}.${cacheTag}.pyc`;
}
