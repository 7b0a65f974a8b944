import type { BigIntStats } from "node:fs";

/** The parts of a file's `stat` that say whether its content may have changed. */
export type FileStats = Pick<BigIntStats, "dev" | "ino" | "size" | "mtimeNs" | "ctimeNs">;

/** A file changed this recently (milliseconds) may change again without a visible change of its times. */
const settled = 2_000;

/** Whether these stats will differ once the content does. `now` is in milliseconds since 1970. */
export function isSettled({ mtimeNs, ctimeNs }: FileStats, now: number): boolean {
  const newest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  return Number(newest / 1_000_000n) <= now - settled;
}

/** Which file it is, whatever it holds. */
export function fileKey(stats: FileStats): string {
  return `${stats.dev}:${stats.ino}`;
}

/** Differs when the file's content does. */
export function fileState(stats: FileStats): string {
  return `${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}
