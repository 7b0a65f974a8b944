import { createHash } from "node:crypto";
import { type BigIntStats, createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import type { DigestMemo } from "../../files/digest-memo.ts";
import type { WheelFile } from "../lock.ts";
import { WheelNotFoundError } from "../resolution-error.ts";
import type { FetchedWheel } from "./fetched-wheel.ts";
import { wrongHash } from "./wrong-wheel.ts";

/**
 * The wheel of a `file:` address where it lies, its hash checked, or remembered. Raises WheelNotFoundError and
 * WheelHashError.
 */
export async function checkLocalWheel(
  wheel: WheelFile,
  memo: DigestMemo | undefined,
  signal: AbortSignal | undefined,
): Promise<FetchedWheel> {
  const path = fileURLToPath(wheel.url);
  const before = await localStats(wheel);
  let digest = memo?.lookup(before);
  if (digest === undefined) {
    const hash = createHash("sha256");
    await pipeline(createReadStream(path), hash, { signal });
    digest = `sha256:${hash.digest("hex")}`;
    const after = await localStats(wheel);
    const same = (["size", "mtimeNs", "ctimeNs"] as const).every(
      (key) => before[key] === after[key],
    );
    if (same) memo?.remember(before, digest);
  }
  if (digest !== `sha256:${wheel.sha256}`) throw wrongHash(wheel, path);
  return { path, size: Number(before.size) };
}

/** The length of a `file:` address's wheel, in bytes. Raises WheelNotFoundError. */
export async function localWheelSize(wheel: WheelFile): Promise<number> {
  return Number((await localStats(wheel)).size);
}

async function localStats(wheel: WheelFile): Promise<BigIntStats> {
  const path = fileURLToPath(wheel.url);
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    throw new WheelNotFoundError(
      `The wheel ${path} is not there: ${(error as Error).message}.`,
      "Put it back, or resolve anew (--upgrade, or lamella lock FILE).",
      { cause: error },
    );
  }
}
