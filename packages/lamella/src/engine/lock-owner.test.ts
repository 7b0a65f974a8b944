import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LockedCall } from "../python/lock/locked-call.ts";
import { isLockOfAnother, lockOwner, type WantedLock } from "./lock-owner.ts";
import type { LockDocument, LockedDefinition } from "./resolve/lock-document.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-owner-"));
  await writeFile(join(folder, "train.ts"), "");
});
afterAll(() => rm(folder, { recursive: true }));

const asking = (...requirements: string[]): readonly LockedCall[] => [
  { requirements, constraints: [], settings: [] },
];

/** What `serve.ts` wants of the lock of an image that `train.ts` has too. */
function wanted(change: Partial<WantedLock> = {}): WantedLock {
  return {
    path: join(folder, "pylock.flyte.toml"),
    definition: { file: join(folder, "serve.ts") },
    base: "docker.io/library/python:3.12",
    calls: asking("fastapi"),
    ...change,
  };
}

/** A lock for torch, on one platform. */
function lock(definition?: LockedDefinition): Pick<LockDocument, "file" | "image"> {
  const libc = { kind: "glibc", major: 2, minor: 36 } as const;
  return {
    file: {
      calls: asking("torch"),
      locks: [{ python: "3.12", platform: "linux/amd64", libc, packages: [] }],
      extra: {},
    },
    image: {
      subject: "0".repeat(64),
      base: "docker.io/library/python:3.12",
      platforms: {},
      ...(definition && { definition }),
    },
  };
}

const train = { file: "train.ts" };
const serve = { file: "serve.ts" };

test("a lock belongs to who writes it first", async () => {
  expect(await lockOwner(wanted(), undefined)).toEqual(serve);
  expect(await lockOwner(wanted(), lock())).toEqual(serve);
  const definition = { file: join(folder, "../images.ts"), export: "serve" };
  expect(await lockOwner(wanted({ definition }), undefined)).toEqual({
    file: "../images.ts",
    export: "serve",
  });
  expect(await lockOwner({ ...wanted(), definition: undefined }, undefined)).toBeUndefined();
});

test("its owner may ask for something else", async () => {
  expect(await lockOwner(wanted(), lock(serve))).toEqual(serve);
});

test("is of another when that is there, and of nobody in doubt", async () => {
  const source = { file: join(folder, "serve.ts") };
  const of = (owner?: LockedDefinition) =>
    isLockOfAnother({ path: join(folder, "pylock.flyte.toml"), ...lock(owner) }, source);
  expect(await of(train)).toBe(true);
  expect(await of({ ...serve, export: "small" })).toBe(false);
  await writeFile(join(folder, "serve.ts"), "");
  expect(await of({ ...serve, export: "small" })).toBe(true);
  await rm(join(folder, "serve.ts"));
  expect(await of(serve)).toBe(false);
  expect(await of({ file: "gone.ts" })).toBe(false);
  expect(await of()).toBe(false);
});

describe("another definition", () => {
  test("does not take it, and is told whose it is", async () => {
    await expect(lockOwner(wanted(), lock(train))).rejects.toMatchObject({
      code: "lock-taken",
      message: expect.stringMatching(
        /pylock\.flyte\.toml is that of train\.ts,.* locking serve\.ts/,
      ),
      hint: expect.stringContaining("lamella lock serve.ts --force"),
    });
  });

  test("may be another export of the file", async () => {
    const definition = { file: join(folder, "train.ts"), export: "small" };
    await expect(lockOwner(wanted({ definition }), lock(train))).rejects.toThrow(
      /is that of train\.ts, .*train\.ts#small/,
    );
  });

  test("takes it when told to, and when the first is gone", async () => {
    expect(await lockOwner(wanted({ force: true }), lock(train))).toEqual(serve);
    expect(await lockOwner(wanted(), lock({ file: "gone.ts" }))).toEqual(serve);
  });

  test("shares it when it asks for the same", async () => {
    const same = { calls: asking("torch") };
    expect(await lockOwner(wanted(same), lock(train))).toEqual(train);
    expect(await lockOwner(wanted({ ...same, pythonVersion: "3.12" }), lock(train))).toEqual(train);
    for (const different of [
      { base: "docker.io/library/python:3.13" },
      { pythonVersion: "3.13" },
      { platforms: ["linux/amd64", "linux/arm64"] as const },
    ]) {
      await expect(lockOwner(wanted({ ...same, ...different }), lock(train))).rejects.toThrow(
        "train.ts",
      );
    }
  });
});
