import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mountSmallDisk } from "../../testing/small-disk.ts";
import type { Layer } from "../oci/descriptor.ts";
import { Store } from "../store/store.ts";
import { storeName } from "./cgroup.ts";
import { removeLeftovers } from "./leftovers.ts";
import type { Runtime } from "./runtime.ts";
import { executeStep, type StepOptions } from "./step.ts";
import { hostPrograms } from "./testdata/host-programs.ts";
import type { TestEntry } from "./testdata/tar-of.ts";
import { storeLayers } from "./testdata/test-image.ts";

const run = promisify(execFile);

let root: string;
let store: Store;
let programs: readonly TestEntry[];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "lamella-step-faults-"));
  store = await Store.open(join(root, "store"));
  programs = await hostPrograms(["sh", "cat", "dd", "mkdir", "setsid", "sleep", "tail", "touch"]);
});

afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

type Wanted = Partial<Omit<StepOptions, "layers" | "process">>;

async function step(script: string, wanted: Wanted = {}): Promise<Layer | undefined> {
  const to = wanted.store ?? store;
  return await executeStep({
    layers: await storeLayers(to, [programs]),
    process: { args: ["/bin/sh", "-c", script], env: {} },
    ...wanted,
    store: to,
  });
}

/** Mounts, processes, cgroups and folders of steps that are there now. */
async function leftovers(): Promise<string[]> {
  const [mounts, processes, folders, cgroups] = await Promise.all([
    readFile("/proc/self/mountinfo", "utf8"),
    run("ps", ["-eo", "pid,args"]),
    readdir(store.path("sessions"), { recursive: true }),
    run("find", ["/sys/fs/cgroup", "-path", `*/lamella/${storeName(store)}.*`, "-type", "d"]),
  ]);
  return [
    ...mounts.split("\n").filter((line) => line.includes(root)),
    ...processes.stdout
      .split("\n")
      .filter((line) => line.includes(root) && /setpriv|unshare|runc|tar /.test(line)),
    ...folders.filter((name) => name.includes("/")),
    ...cgroups.stdout.split("\n").filter((line) => line !== ""),
  ];
}

const runtimes: [string, Runtime][] = [
  ["runc", { kind: "oci", executable: "/usr/sbin/runc", keeps: true }],
  ["namespaces", { kind: "namespaces" }],
];

describe.each(runtimes)("with %s", (_, runtime) => {
  test("one that takes too long is ended, with all its children", async () => {
    const slow = step("echo waiting; sleep 1011 & sleep 1011", {
      limits: { timeout: 700 },
      runtime,
    });
    await expect(slow).rejects.toMatchObject({
      code: "execution-step-timeout",
      message: expect.stringMatching(/after 0\.7 s.*\nwaiting$/),
    });
    expect(await leftovers()).toEqual([]);
    expect((await run("ps", ["-eo", "args"])).stdout).not.toMatch(/^sleep 1011$/m);
  });

  test("one that runs out of its memory says so, also where a child did and it went on", async () => {
    const limits = { memory: 64 * 1024 * 1024 };
    for (const script of ["tail /dev/zero", "echo before; tail /dev/zero || exit 2"]) {
      await expect(step(script, { limits, runtime })).rejects.toMatchObject({
        code: "execution-step-out-of-memory",
        message: expect.stringContaining("64 MiB"),
      });
    }
    expect(await leftovers()).toEqual([]);
  });

  test("within its memory it is well", async () => {
    const limits = { memory: 64 * 1024 * 1024, timeout: 60_000 };
    expect(await step("echo x > /x", { limits, runtime })).toBeDefined();
    const failed = step("exit 137", { limits, runtime });
    await expect(failed).rejects.toMatchObject({ exitCode: 137 });
    expect(await leftovers()).toEqual([]);
  });

  test("what it leaves running ends with it", async () => {
    const script = "setsid sh -c 'sleep 1012; touch /late' & echo x > /x";
    const start = performance.now();
    expect(await step(script, { runtime })).toBeDefined();
    expect(performance.now() - start).toBeLessThan(30_000);
    expect(await leftovers()).toEqual([]);
    expect((await run("ps", ["-eo", "args"])).stdout).not.toMatch(/^sleep 1012$/m);
  });

  test("a full disk is said to be that, and nothing is left", async () => {
    await using disk = await mountSmallDisk("60m");
    await using small = await Store.open(join(disk.path, "store"));
    // The command fills it, or there is no room for the layer.
    for (const megabytes of [100, 40]) {
      const script = `dd if=/dev/urandom of=/large bs=1M count=${megabytes}`;
      await expect(step(script, { store: small, runtime })).rejects.toMatchObject({
        code: "store-disk-full",
      });
    }
    const folders = await readdir(small.path("sessions"), { recursive: true });
    expect(folders.filter((name) => name.includes("/"))).toEqual([]);
    expect(await step("echo x > /x", { store: small, runtime })).toBeDefined();
  });

  test("a device that is full is not the disk", async () => {
    const failed = step("echo x > /dev/full", { runtime });
    await expect(failed).rejects.toMatchObject({ code: "execution-step-failed" });
  });
});

test("an aborted one ends wherever it is, and nothing is left", async () => {
  const script = "dd if=/dev/urandom of=/large bs=1M count=60 2>/dev/null; echo made";
  for (const milliseconds of [0, 50, 150, 300, 600, 900, 1200]) {
    const stop = new AbortController();
    const stopped = step(script, {
      signal: stop.signal,
      onOutput: () => setTimeout(() => stop.abort(new Error("enough")), 200),
    });
    setTimeout(() => stop.abort(new Error("enough")), milliseconds);
    await expect(stopped).rejects.toThrow("enough");
    expect(await leftovers()).toEqual([]);
  }
});

test("one that is killed leaves what the next start removes, whenever that was", async () => {
  const script = "touch /x; sleep 0.3; for i in 1 2 3 4 5; do mkdir -p /d/$i; touch /d/$i/x; done";
  for (const milliseconds of [0, 30, 60, 100, 150, 200, 250, 300, 350, 400, 500, 600, 800, 1000]) {
    const child = startProcess(script);
    const ended = once(child, "exit");
    await once(child.stdout!, "data");
    await delay(milliseconds);
    child.kill("SIGKILL");
    await ended;
  }
  // The kernel needs a moment for the last of them.
  await expect
    .poll(async () => (await leftovers()).filter((line) => /^ *\d+ /.test(line)))
    .toEqual([]);
  await using next = await Store.open(store.root);
  await removeLeftovers(next);
  expect(await leftovers()).toEqual([]);
});

function startProcess(script: string): ChildProcess {
  const program = new URL("./testdata/step-process.ts", import.meta.url).pathname;
  return spawn(process.execPath, [program, store.root, script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}
