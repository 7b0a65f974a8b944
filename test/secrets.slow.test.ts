import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { startAptMirror } from "./apt-mirror.ts";
import { lamellaEngine } from "./lamella-engine.ts";
import { build, createProject, debianImage, type Project, tryBuild } from "./project.ts";
import { executed } from "./tasks.ts";

// A build with secrets in every kind of step, and a search for them in all that is left of it.

let registry: RunningRegistry;
beforeAll(async () => {
  registry = await startAptMirror();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

/** Values as no other text has them; one with characters that are encoded, one that is no text, one of several lines. */
const values = {
  token: "s3cr3t-T0ken/with+odd&chars=%20ü",
  key: "-----BEGIN KEY-----\nQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo\n-----END KEY-----\n",
  apt: "machine archive.example login ada password h1dden-in-apt-auth",
  index: "h1dden-index-passw0rd",
  folder: "h1dden-in-the-folder-of-the-user",
} as const;

/** All that would give a value away. */
function traces(value: string): string[] {
  const lines = value.split("\n").filter((line) => line.length > 8);
  return [value, ...lines].flatMap((part) => [
    part,
    encodeURIComponent(part),
    Buffer.from(part).toString("base64").replace(/=+$/, "").slice(0, -1),
    Buffer.from(part).toString("base64url").slice(0, -1),
    Buffer.from(part).toString("hex"),
  ]);
}

const everyTrace = Object.values(values).flatMap(traces);

function foundIn(content: Uint8Array | string): string[] {
  const text = typeof content === "string" ? content : Buffer.from(content).toString("latin1");
  return everyTrace.filter((trace) => text.includes(Buffer.from(trace).toString("latin1")));
}

/** Names of the files below a folder that have a trace of a value, as they are or inflated; in a name too. */
async function tracesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  let files = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (foundIn(path).length > 0) found.push(path);
    if (!entry.isFile()) continue;
    files++;
    const bytes = await readFile(path);
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    if (foundIn(bytes).length > 0 || (isGzip && foundIn(gunzipSync(bytes)).length > 0)) {
      found.push(path);
    }
  }
  expect(files).toBeGreaterThan(5);
  return found;
}

async function secretProject(name: string, ...calls: readonly string[]): Promise<Project> {
  const project = await createProject({
    mirror: registry.host,
    definition: debianImage(registry.host, name, ...calls),
    files: { "key.pem": values.key, "requirements.txt": "beta\n" },
    wheels: "wheels",
  });
  await writeTinyWheels(`${project.folder}/wheels`, [
    { name: "alpha", version: "1.0" },
    { name: "beta", version: "1.0" },
  ]);
  return project;
}

const secretEnv = { TOKEN: values.token, ACME_AUTH: values.apt, INDEX: values.index };
const secretArgs = ["--secret", "id=key,src=key.pem"];

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Shows a text in all ways, on both streams. */
const show = (text: string): string =>
  `echo ${text}; echo ${text} | base64 -w0 >&2; echo; printf 'user:%s' ${text} | base64 -w0; printf '%s' ${text} | od -An -c | head -1; python3 -c 'import sys,urllib.parse; print(urllib.parse.quote(sys.argv[1],safe=str()))' ${text}`;

const everyKind = [
  `withAptPackages(["tree"], { secretMounts: { key: "auth", group: "acme", mountPath: "/etc/apt/auth.conf.d/acme.conf" } })`,
  `withPipPackages("alpha", { secretMounts: "index" })`,
  `withRequirements("requirements.txt", { secretMounts: "index" })`,
  `withCommands([${JSON.stringify(`${show('"$TOKEN"')}; printf %s "$TOKEN" | sha256sum > /token.sha256`)}], { secretMounts: "token" })`,
  `withCommands(["cat /run/keys/key.pem; stat -c '%a %u:%g' /run/keys/key.pem > /key.stat; sha256sum < /run/keys/key.pem > /key.sha256"], { secretMounts: { key: "key", mountPath: "/run/keys/key.pem" } })`,
  `withCommands("echo \\"without: $TOKEN\\"; ls /run /dev/lamella /etc/apt/auth.conf.d > /after")`,
];

describe("secrets", () => {
  test("reach the steps that ask for them, and nothing else", async () => {
    await using project = await secretProject("secrets", ...everyKind);
    const { uri } = await build(project, secretArgs, { env: secretEnv });
    const left = await lamellaEngine(project).run(uri, [
      "sh",
      "-c",
      "cat /token.sha256 /key.sha256 /key.stat /after",
    ]);
    expect(left.split("\n")).toEqual([
      `${sha256(values.token)}  -`,
      `${sha256(values.key)}  -`,
      "400 0:0",
      "/dev/lamella:",
      "ca-certificates.crt",
      "",
      "/etc/apt/auth.conf.d:",
      "",
      "/run:",
      "lock",
      "",
    ]);
  });

  test("are in no layer, config, log, event, plan, lock or file of the store", async () => {
    await using project = await secretProject("hidden", ...everyKind);
    const env = { LAMELLA_HOME: project.store, ...secretEnv };
    const cwd = project.folder;
    const cache = `${registry.host}/hidden-cache:1`;
    const outputs: string[] = [];
    for (const args of [
      ["lock", "image.ts"],
      ["build", "image.ts", "--progress", "json", "--cache-to", cache, ...secretArgs],
      ["build", "image.ts", "--progress", "plain", "--force", ...secretArgs],
      ["build", "image.ts", "--output", "oci:out", ...secretArgs],
      ["plan", "image.ts", "--json"],
      ["plan", "image.ts"],
    ]) {
      const { code, stdout, stderr } = await lamella(args, { cwd, env });
      expect(code, stderr).toBe(0);
      outputs.push(stdout, stderr);
    }
    // The commands did show them.
    expect(outputs.join("\n")).toMatch(/\*\*\*(?:[^]*\*\*\*){4}/);
    expect(foundIn(outputs.join("\n"))).toEqual([]);
    expect(await tracesBelow(project.store)).toEqual([]);
    expect(await tracesBelow(registry.folder)).toEqual([]);
    expect(await tracesBelow(join(project.folder, "out"))).toEqual([]);
    const lock = await readFile(join(project.folder, "pylock.hidden.toml"), "utf8");
    expect(foundIn(lock)).toEqual([]);
  });

  test("are taken out of the error of a command that fails, however it is shown", async () => {
    const command = `withCommands(["echo first; echo \\"$TOKEN\\" >&2; exit 3"], { secretMounts: "token" })`;
    await using project = await secretProject("failing-secret", command);
    for (const progress of ["json", "plain", "quiet", "tty"]) {
      const { code, stdout, stderr } = await lamella(
        ["build", "image.ts", "--progress", progress, "--debug"],
        { cwd: project.folder, env: { LAMELLA_HOME: project.store, ...secretEnv } },
      );
      expect(code).toBe(1);
      expect(stderr).toContain("***");
      expect(foundIn(stdout + stderr)).toEqual([]);
    }
    expect(await tracesBelow(project.store)).toEqual([]);
  });

  test("that are not there fail a build before anything is run or sent", async () => {
    await using project = await secretProject("no-secret", ...everyKind);
    const { code, events } = await tryBuild(project, [], { env: { TOKEN: values.token } });
    expect(code).toBe(1);
    expect(events.at(-1)).toMatchObject({
      kind: "failed",
      code: "secret-missing",
      message: expect.stringMatching(/acme\/auth.*index.*key/) as string,
      hint: expect.stringContaining("--secret id=acme/auth") as string,
    });
    expect(executed(events)).toEqual([]);
    expect(events.filter(({ kind }) => kind === "task-started")).toEqual([]);
    expect((await fetch(`http://${registry.host}/v2/no-secret/tags/list`)).status).toBe(404);
  });

  test("are no part of what a step is remembered by: another value is not another step", async () => {
    const command = `withCommands(["date +%N > /time"], { secretMounts: "token" })`;
    await using project = await secretProject("rotated", command);
    const first = await build(project, [], { env: { TOKEN: "the first value" } });
    const { events } = await tryBuild(project, ["--force"], { env: { TOKEN: "another value" } });
    expect(executed(events)).toEqual([]);
    expect(events.at(-1)).toMatchObject({ kind: "finished", result: { digest: first.digest } });
  });
});
