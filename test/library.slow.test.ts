import { execFile } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BuildEvent, BuildPlan, BuildResult } from "../packages/lamella/src/index.ts";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamellaCli, temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { createProject, debianImage } from "./project.ts";

// The built package in programs of others: what they write is run by Node itself, in a folder of theirs.

let registry: RunningRegistry;
beforeAll(async () => {
  registry = await startMirror();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

test("a program plans and builds, and sees each event", async () => {
  const { planned, seen, result, seenAgain } = await runProgram<{
    planned: BuildPlan[];
    seen: BuildEvent[];
    result: BuildResult;
    seenAgain: BuildEvent[];
  }>(`
    import { build, plan } from "lamella";
    const planned = await plan(image);
    const building = build(image, { tags: ["stable"] });
    const seen = await Array.fromAsync(building);
    const result = await building;
    print({ planned, seen, result, seenAgain: await Array.fromAsync(building) });
  `);

  expect(planned).toHaveLength(1);
  expect(planned[0]).toMatchObject({
    platform: "linux/amd64",
    base: { reference: "docker.io/library/python:3.11-slim-bookworm" },
    packages: [{ name: "alpha", version: "1.0", wheel: "alpha-1.0-py3-none-any.whl" }],
    config: { workdir: "/app" },
  });
  expect(seen[0]).toMatchObject({ kind: "started", uri: result.uri });
  expect(seen.at(-1)).toEqual({ at: expect.any(Number), kind: "finished", result });
  expect(seen.find(({ kind }) => kind === "planned")).toMatchObject({ plan: planned[0] });
  expect(unfinishedTasks(seen)).toEqual([]);
  expect(seen.every(({ at }, index) => at >= (seen[index - 1]?.at ?? 0))).toBe(true);
  expect(seenAgain).toEqual(seen);
  for (const tag of ["stable", result.uri.slice(result.uri.lastIndexOf(":") + 1)]) {
    const { headers } = await fetch(`http://${registry.host}/v2/library-test/manifests/${tag}`, {
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    expect(headers.get("docker-content-digest")).toBe(result.digest);
  }
});

test("a failed build rejects with a typed error, and its events end with the failure", async () => {
  const { error, last } = await runProgram<{ error: object; last: BuildEvent }>(`
    import { build, LamellaError } from "lamella";
    const building = build(image.withPipPackages("no-such-package"));
    const last = (await Array.fromAsync(building)).at(-1);
    const error = await Promise.resolve(building).catch((reason) => reason);
    const { name, code, message, hint } = error;
    print({ last, error: { typed: error instanceof LamellaError, name, code, message, hint } });
  `);

  expect(error).toMatchObject({
    typed: true,
    message: expect.stringContaining("no-such-package"),
    hint: expect.stringMatching(/\w/),
  });
  const { code, message, hint } = error as Record<string, unknown>;
  expect(last).toEqual({ at: expect.any(Number), kind: "failed", code, message, hint });
});

test("a build is cancelled by its signal, and says so as its last word", async () => {
  const { reason, last } = await runProgram<{ reason: string; last: BuildEvent }>(`
    import { build } from "lamella";
    const cancel = new AbortController();
    const building = build(image, { force: true, signal: cancel.signal });
    let last;
    for await (last of building) {
      if (last.kind === "task-started") cancel.abort(new Error("no longer wanted"));
    }
    const reason = await Promise.resolve(building).catch(({ message }) => message);
    print({ reason, last });
  `);

  expect(reason).toBe("no longer wanted");
  expect(last).toMatchObject({ kind: "failed", message: "no longer wanted" });
});

test("the published types are whole for a program that has Node's and the plainest settings", async () => {
  await using scratch = await temporaryFolder();
  const { path } = scratch;
  await mkdir(join(path, "node_modules"));
  await symlink(join(dirname(lamellaCli), ".."), join(path, "node_modules/lamella"));
  const installed = join(import.meta.dirname, "../node_modules");
  const subpaths = ["", "/oci", "/registry", "/engine"].map((name) => `import "lamella${name}";`);
  await writeFile(join(path, "program.mts"), subpaths.join("\n"));
  const compilerOptions = {
    target: "es2024",
    module: "nodenext",
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    typeRoots: [join(installed, "@types")],
    types: ["node"],
  };
  const settings = JSON.stringify({ compilerOptions, files: ["program.mts"] });
  await writeFile(join(path, "tsconfig.json"), settings);
  const compiler = join(installed, ".bin/tsc");
  const { stdout } = await promisify(execFile)(compiler, ["-p", path]).catch((error) => error);
  expect(stdout).toBe("");
});

/** Runs a program that uses the package by its name and has an `image`; gives what it prints. */
async function runProgram<T>(text: string): Promise<T> {
  await using project = await createProject({
    mirror: registry.host,
    definition: debianImage(
      registry.host,
      "library-test",
      'withPipPackages("alpha")',
      'withSourceFolder("./src", "/app")',
      'withWorkdir("/app")',
    ),
    files: {
      "src/main.py": "import alpha\n",
      "program.mts": `import image from "./image.ts";
const print = (value) => console.log(JSON.stringify(value));
${text}`,
    },
    wheels: "wheels",
  });
  const { folder, store } = project;
  await writeTinyWheels(join(folder, "wheels"), [{ name: "alpha", version: "1.0" }]);
  await mkdir(join(folder, "node_modules"));
  await symlink(join(dirname(lamellaCli), ".."), join(folder, "node_modules/lamella"));
  const { stdout } = await promisify(execFile)(process.execPath, ["program.mts"], {
    cwd: folder,
    env: { ...process.env, LAMELLA_HOME: store },
    maxBuffer: 16 * 1024 * 1024,
  });
  return JSON.parse(stdout) as T;
}

function unfinishedTasks(events: readonly BuildEvent[]): number[] {
  const open = new Set<number>();
  for (const event of events) {
    if (event.kind === "task-started") open.add(event.task.id);
    else if (event.kind === "task-finished") open.delete(event.id);
  }
  return [...open];
}
