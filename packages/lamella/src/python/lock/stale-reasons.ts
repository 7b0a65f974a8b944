import type { Lock } from "../lock.ts";
import type { LockFile } from "./lock-file.ts";
import type { LockedCall } from "./locked-call.ts";

/**
 * Why a lock file no longer answers what a definition asks for, one sentence a reason; empty when it does.
 * What `--locked` refuses, it refuses with these.
 */
export function staleReasons(
  file: LockFile,
  wanted: {
    readonly python: string;
    readonly targets: readonly Pick<Lock, "platform" | "libc">[];
    readonly calls: readonly LockedCall[];
  },
): string[] {
  const reasons: string[] = [];
  for (const { platform, libc: library } of wanted.targets) {
    const lock = file.locks.find((one) => one.platform === platform);
    if (lock === undefined) {
      reasons.push(`It has no packages for ${platform}.`);
      continue;
    }
    if (lock.python !== wanted.python) {
      reasons.push(`It is for Python ${lock.python}, not ${wanted.python}.`);
    }
    const [is, was] = [library, lock.libc].map((one) => `${one.kind} ${one.major}.${one.minor}`);
    if (is !== was) reasons.push(`It is for a base with ${was}, not ${is}, on ${platform}.`);
  }
  if (file.calls.length !== wanted.calls.length) {
    reasons.push(
      `It was made for ${file.calls.length} lists of packages, not ${wanted.calls.length}.`,
    );
  }
  for (const [index, call] of wanted.calls.entries()) {
    const before = file.calls[index];
    if (before === undefined) continue;
    for (const part of ["requirements", "constraints", "settings"] as const) {
      const added = call[part].filter((line) => !before[part].includes(line));
      const removed = before[part].filter((line) => !call[part].includes(line));
      if (added.length > 0) reasons.push(`It does not know: ${added.join(", ")}.`);
      if (removed.length > 0) reasons.push(`It still has: ${removed.join(", ")}.`);
    }
  }
  return [...new Set(reasons)];
}
