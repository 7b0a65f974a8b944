import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { run } from "./process.ts";

let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "lamella-process-"));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

test("a program that is stopped has ended when that is said", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const running = run("/bin/sh", ["-c", "echo $$ > pid; exec sleep 60"], { cwd, env: {}, signal });
  const pid = await vi.waitFor(async () => {
    const written = Number(await readFile(join(cwd, "pid"), "utf8"));
    expect(written).toBeGreaterThan(0);
    return written;
  });
  controller.abort(new Error("enough"));
  await expect(running).rejects.toMatchObject({ cause: new Error("enough") });
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});

test("a program that is not there is an error", async () => {
  await expect(run(join(cwd, "missing"), [], { cwd, env: {} })).rejects.toThrow("ENOENT");
});
