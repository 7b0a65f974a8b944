import { statfs } from "node:fs/promises";
import { DiskFullError } from "../store/error.ts";
import { StepFailedError, StepOutOfMemoryError, StepTimeoutError, shown } from "./error.ts";

/** What is known of a command that did not end well. */
export interface StepEnd {
  readonly args: readonly string[];
  readonly exitCode: number;
  /** The last that it wrote, without empty lines. */
  readonly lastLines: readonly string[];
  /** Undefined where nobody has counted. */
  readonly outOfMemoryKills: number | undefined;
  /** Bytes; undefined for all that the machine has. */
  readonly memory: number | undefined;
  /** A folder on the disk that it wrote to. */
  readonly folder: string;
}

/** 128 and the number of SIGKILL. */
const killed = 137;

/** A disk with fewer bytes left counts as full: programs remove what they could not finish. */
const full = 16 * 1024 * 1024;

// strerror(3) of ENOSPC and EDQUOT in English, and apt's words for it.
const noSpace =
  /no space left on device|disk quota exceeded|(not|n.t have) enough free (disk )?space/i;

/** The error for a command that failed: what ended it where that is known, else its exit code and last lines. */
export async function stepFailure(end: StepEnd): Promise<Error> {
  const { args, exitCode, lastLines, outOfMemoryKills, memory, folder } = end;
  const failed = new StepFailedError(args, exitCode, lastLines);
  if (outOfMemoryKills === undefined ? exitCode === killed : outOfMemoryKills > 0) {
    const most = memory === undefined ? "" : ` of the ${inMebibytes(memory)} that it may have`;
    return new StepOutOfMemoryError(
      [`The command ran out of memory${most}: ${shown(args)}`, ...lastLines].join("\n"),
      memory === undefined
        ? "Let it do less at a time, or run it on a machine with more memory."
        : "Raise the limit, or let it do less at a time.",
      { cause: failed },
    );
  }
  if (lastLines.some((line) => noSpace.test(line)) && (await isFull(folder))) {
    return new DiskFullError(
      [
        `No space was left on the disk of ${folder} for the command: ${shown(args)}`,
        ...lastLines,
      ].join("\n"),
      "Free some space there, or set LAMELLA_HOME to a folder on a larger disk.",
      { cause: failed },
    );
  }
  return failed;
}

/** The error for a command that was ended after so many milliseconds. */
export function stepTimeout(
  args: readonly string[],
  milliseconds: number,
  lastLines: readonly string[],
): StepTimeoutError {
  return new StepTimeoutError(
    [
      `The command was still running after ${milliseconds / 1000} s, and was ended: ${shown(args)}`,
      ...lastLines,
    ].join("\n"),
    "Raise the limit, or find out what it waits for: its last lines are above, and it gets no input.",
  );
}

async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < full;
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}
