import { open } from "node:fs/promises";
import * as z from "zod/mini";
import { type FileStats, fileKey, fileState, isSettled } from "../files/file-stats.ts";
import type { MemoStore } from "../store/memo-store.ts";
import type { Environment } from "./package-index/pip-settings.ts";
import { isScript, run } from "./process.ts";

export interface ProgramAnswerOptions {
  /** Where answers are remembered; each is asked for anew where absent. */
  readonly memos?: MemoStore | undefined;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds that a program may take to tell of itself. */
const patience = 10_000;

/**
 * What a program of this machine prints when it is asked about itself, `--version` for example; undefined where it cannot
 * be started, fails or takes longer than ten seconds. It is remembered for as long as the program's file does not change:
 * a process costs some 10 ms, and copies the page tables of the one that starts it. A script is asked each time, since it
 * may start another program than before. Throws the signal's reason.
 */
export async function programAnswer(
  file: string,
  args: readonly string[],
  { memos, env, signal }: ProgramAnswerOptions,
): Promise<string | undefined> {
  const stats = memos && (await binaryStats(file));
  const key = stats && JSON.stringify([file, fileKey(stats), fileState(stats), ...args]);
  const known =
    key && (await memos?.get("program-answer", key, (value) => z.parse(z.string(), value)));
  if (known !== undefined) return known;
  const limited = AbortSignal.any([AbortSignal.timeout(patience), ...(signal ? [signal] : [])]);
  const result = await run(file, args, { cwd: "/", env, signal: limited }).catch(() => undefined);
  signal?.throwIfAborted();
  if (result?.code !== 0) return undefined;
  if (key && isSettled(stats, Date.now())) await memos?.put("program-answer", key, result.stdout);
  return result.stdout;
}

/** Undefined for scripts, and for what cannot be read. */
async function binaryStats(file: string): Promise<FileStats | undefined> {
  try {
    await using opened = await open(file);
    return (await isScript(opened)) ? undefined : await opened.stat({ bigint: true });
  } catch {
    return undefined;
  }
}
