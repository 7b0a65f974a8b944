import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Store } from "../store/store.ts";
import { programAnswer } from "./program-answer.ts";

let folder: string;
let store: Store;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "lamella-answer-"));
  store = await Store.open(path.join(folder, "store"));
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A program that never says the same twice, when it is asked twice. */
const date = "/bin/date";
const nanoseconds = ["+%s %N"];
const ask = (file: string, args: readonly string[] = nanoseconds): Promise<string | undefined> =>
  programAnswer(file, args, { memos: store.memos, env: {} });

test("what a program said is remembered for its file and the question", async () => {
  const answer = await ask(date);
  expect(answer).toMatch(/^\d+ \d+\n$/);
  expect(await ask(date)).toBe(answer);
  expect(await ask(date, ["+%N %s"])).not.toBe(answer);
  expect(await programAnswer(date, nanoseconds, { env: {} })).not.toBe(answer);
});

test("a file that has just changed, and a script, are asked each time", async () => {
  const fresh = path.join(folder, "fresh");
  await copyFile(date, fresh);
  const script = path.join(folder, "script");
  await writeFile(script, `#!/bin/sh\nexec ${date} '+%s %N'\n`, { mode: 0o755 });
  for (const file of [fresh, script]) expect(await ask(file)).not.toBe(await ask(file));
});

test("no answer comes from what fails or is not there, and a signal is heard", async () => {
  expect(await ask("/bin/false")).toBeUndefined();
  expect(await ask(path.join(folder, "nothing"))).toBeUndefined();
  const options = { env: {}, signal: AbortSignal.abort(new Error("enough")) };
  await expect(programAnswer(date, nanoseconds, options)).rejects.toThrow("enough");
});
