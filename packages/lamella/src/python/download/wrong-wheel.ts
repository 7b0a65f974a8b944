import type { WheelFile } from "../lock.ts";
import { shown } from "../package-index/transport.ts";
import { WheelHashError } from "../resolution-error.ts";

const hint =
  "If the file was replaced on purpose, resolve anew (--upgrade, or lamella lock FILE); else find out who changed it.";

/** The error for a wheel whose bytes are others than those that were locked; `where` is its path or address. */
export function wrongHash(wheel: WheelFile, where: string, cause?: unknown): WheelHashError {
  return new WheelHashError(
    `${where} is not the wheel that was locked: its SHA-256 is not ${wheel.sha256}.`,
    hint,
    { cause },
  );
}

/** The error for a wheel of `size` bytes where others were locked, or no more than `limit` are taken. */
export function wrongSize(
  wheel: WheelFile,
  size: number | undefined,
  limit: number,
): WheelHashError {
  return new WheelHashError(
    `${shown(new URL(wheel.url))} is not the wheel that was locked: it has ${size ?? "an unknown number of"} bytes, not ${wheel.size ?? `at most ${limit}`}.`,
    hint,
  );
}
