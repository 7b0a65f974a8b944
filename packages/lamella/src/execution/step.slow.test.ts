import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decompressLayer } from "../oci/decompress.ts";
import type { Layer } from "../oci/descriptor.ts";
import { entryTime } from "../oci/tar-header.ts";
import { readTar } from "../oci/tar-reader.ts";
import { Store } from "../store/store.ts";
import { executeStep, type StepOptions } from "./step.ts";
import { hostPrograms } from "./testdata/host-programs.ts";
import type { TestEntry } from "./testdata/tar-of.ts";
import { storeLayers } from "./testdata/test-image.ts";

let root: string;
let store: Store;
let programs: readonly TestEntry[];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "lamella-step-"));
  store = await Store.open(join(root, "store"));
  const names = ["sh", "cat", "ls", "ln", "mkdir", "rm", "mv", "touch", "chmod", "sleep", "mkfifo"];
  programs = await hostPrograms(names);
});

afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

interface Wanted extends Partial<Omit<StepOptions, "layers" | "process" | "store">> {
  readonly layers?: readonly (readonly TestEntry[])[];
  readonly process?: Partial<StepOptions["process"]>;
}

/** Runs a shell command as a step above the host's programs and further layers. */
async function step(script: string, wanted: Wanted = {}): Promise<Layer | undefined> {
  const { layers: more = [], process, ...options } = wanted;
  return await executeStep({
    layers: await storeLayers(store, [programs, ...more]),
    process: { args: ["/bin/sh", "-c", script], env: {}, ...process },
    store,
    ...options,
  });
}

/** One line for each entry of a layer: kind, path, mode, and what it leads to or holds. */
async function listed(layer: Layer | undefined): Promise<string[]> {
  if (layer === undefined) return [];
  const lines: string[] = [];
  const tar = decompressLayer(store.blobs.read(layer.digest), layer.mediaType);
  for await (const entry of readTar(tar)) {
    expect(entry.mtime).toBe(entryTime);
    const base = `${entry.kind} ${entry.path} ${entry.mode.toString(8)}`;
    if (entry.kind === "file") {
      const text = Buffer.concat(await Array.fromAsync(entry.content)).toString();
      lines.push(`${base} ${JSON.stringify(text)}`);
    } else lines.push("target" in entry ? `${base} ${entry.target}` : base);
  }
  return lines;
}

const base: TestEntry[] = [
  { path: "d", kind: "directory", mode: 0o750 },
  { path: "d/a", text: "a" },
  { path: "d/b", text: "b" },
  { path: "d/sub", kind: "directory" },
  { path: "d/sub/x", text: "x" },
  { path: "d/sub/y", text: "y" },
  { path: "f", text: "f", mode: 0o600 },
  { path: "etc", kind: "directory" },
];

describe("a step's layer has", () => {
  test("files, links, pipes and the directories that lead to them", async () => {
    const layer = await step(
      "echo new > /d/sub/new; ln /d/sub/new /d/sub/other; ln -s nowhere /l; mkfifo -m 600 /p; chmod 4755 /f",
      { layers: [base] },
    );
    expect(await listed(layer)).toEqual([
      "directory d 750",
      "directory d/sub 755",
      'file d/sub/new 644 "new\\n"',
      "hardlink d/sub/other 644 d/sub/new",
      'file f 4755 "f"',
      "symlink l 777 nowhere",
      "fifo p 600",
    ]);
  });

  test("whiteouts for what it removed, one by one where a directory is there again", async () => {
    const layer = await step("rm -r /d /f; mkdir -p /d/sub; echo x2 > /d/sub/x", {
      layers: [base],
    });
    expect(await listed(layer)).toEqual([
      "directory d 755",
      "whiteout d/a 644",
      "whiteout d/b 644",
      "directory d/sub 755",
      "whiteout d/sub/y 644",
      'file d/sub/x 644 "x2\\n"',
      "whiteout f 644",
    ]);
    expect(await listed(await step("rm -r /d", { layers: [base] }))).toEqual(["whiteout d 644"]);
  });

  test("nothing of what is as it was, and nothing of this machine", async () => {
    const script = [
      "chmod 600 /f; : >> /d/a; touch /d/sub /d/sub/x; touch /d/t; rm /d/t",
      "cat /etc/hosts > /dev/null; echo 1.2.3.4 x >> /etc/hosts; rm /etc/resolv.conf; ls /work",
    ].join("; ");
    expect(await step(script, { layers: [base], process: { workdir: "/work/dir" } })).toBe(
      undefined,
    );
    expect(await step("echo x > /f", { layers: [base], discard: true })).toBe(undefined);
  });

  test("the same bytes each time", async () => {
    const script = "mkdir /n; for i in 9 8 7 1 2 3; do echo $i > /n/$i; done";
    const first = await step(script);
    await expect(step(script)).resolves.toEqual(first);
  });
});

test("a step that fails says how, with its last lines", async () => {
  const script = "for i in 1 2 3; do echo line $i; done; echo to stderr >&2; exit 3";
  const written: string[] = [];
  const failed = step(script, {
    onOutput: (stream, bytes) => written.push(`${stream} ${Buffer.from(bytes).toString()}`),
  });
  await expect(failed).rejects.toMatchObject({
    code: "execution-step-failed",
    exitCode: 3,
    message: expect.stringContaining("exit code 3"),
    lastLines: expect.arrayContaining(["line 1", "line 3", "to stderr"]),
  });
  expect(written.join("")).toContain("stderr to stderr");
  expect(await readdir(store.path("sessions"), { recursive: true })).toHaveLength(2);
});
