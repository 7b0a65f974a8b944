import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildResult } from "../packages/lamella/src/engine/result.ts";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella, temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { lamellaEngine } from "./lamella-engine.ts";
import {
  build,
  createProject,
  debianImage,
  type Project,
  removeBlobs,
  tryBuild,
} from "./project.ts";
import { withTraffic } from "./registry-traffic.ts";
import { executed, tasksOf } from "./tasks.ts";

// Commands in a real Debian base, by a real runtime; what they left is looked at in a container of the built image.

let registry: RunningRegistry;
// To unpack the base takes seconds: once for all.
let shared: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  registry = await startMirror();
  shared = await temporaryFolder();
});
afterAll(async () => {
  await shared?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

/** A project with a store of its own. */
async function freshProject(name: string, ...calls: readonly string[]): Promise<Project> {
  const project = await createProject({
    mirror: registry.host,
    definition: debianImage(registry.host, name, ...calls),
    files: { "src/main.py": "print('main')\n", "src/lib/x.txt": "x\n" },
    wheels: "wheels",
  });
  await writeTinyWheels(`${project.folder}/wheels`, [
    { name: "alpha", version: "1.0" },
    { name: "alpha", version: "2.0" },
    { name: "beta", version: "1.0", requires: ["alpha"] },
  ]);
  return project;
}

async function projectWith(name: string, ...calls: readonly string[]): Promise<Project> {
  return { ...(await freshProject(name, ...calls)), store: shared.path };
}

/** Runs a command in the image that a project builds. */
async function inImage(project: Project, script: string): Promise<string> {
  const { uri } = await build(project);
  return await lamellaEngine(project).run(uri, ["sh", "-c", script]);
}

/** Digest of the layer of a command that writes the time. */
function timeLayer({ platforms }: BuildResult): string | undefined {
  return platforms[0]?.layers.find(({ title }) => title.startsWith("date"))?.digest;
}

describe("a command", () => {
  test("runs as root, in the workdir and with the variables set at that point", async () => {
    await using project = await projectWith(
      "context",
      'withEnvVars({ A: "1" }).withEnvVars({ B: "$A-2" })',
      'withWorkdir("/work")',
      'withCommands("id -u > id; pwd > pwd; env > env; echo \\"$B\\" > b")',
      'withEnvVars({ A: "later", LATER: "1" })',
      'withWorkdir("/elsewhere")',
    );
    const [id, pwd, b, ...env] = (await inImage(project, "cd /work; cat id pwd b env"))
      .trim()
      .split("\n");
    expect([id, pwd, b]).toEqual(["0", "/work", "1-2"]);
    expect(env).toContain("A=1");
    expect(env).toContain("HOME=/root");
    expect(env.join("\n")).not.toMatch(/LATER|_F_IMG_ID/);
  });

  test("sees what lies below it, and what lies above sees what it did", async () => {
    await using project = await projectWith(
      "order",
      'withPipPackages("alpha==1.0")',
      'withCommands("python -c \\"import alpha; print(alpha.version)\\" > /seen", "cp /seen /again")',
      'withSourceFolder("./src", "/app")',
      'withCommands("cat /again /app/lib/x.txt > /app/both")',
    );
    expect(await inImage(project, "cat /app/both; ls -ld /app/both | cut -c1-10")).toBe(
      "1.0\nx\n-rw-r--r--\n",
    );
  });

  test("begins when what it runs on is unpacked, which is told beforehand", async () => {
    await using project = await freshProject("unpacked", 'withCommands("printf x > /x", "cat /x")');
    const { events } = await tryBuild(project);
    const tasks = tasksOf(events);
    expect(tasks.map(({ kind }) => kind).filter((kind) => /unpack|execute/.test(kind))).toEqual([
      "unpack",
      "execute",
      "execute",
    ]);
    const unpacking = tasks.find(({ kind }) => kind === "unpack");
    const [first] = executed(events);
    expect(first?.startedAt).toBeGreaterThanOrEqual(unpacking?.endedAt ?? Infinity);
    const progress = events.flatMap((event) =>
      event.kind === "task-progress" && event.id === unpacking?.id ? [event.done] : [],
    );
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.length).toBeGreaterThan(1);
  });

  test("is told line by line while it runs", async () => {
    await using project = await projectWith(
      "live",
      "withCommands(\"echo out; echo err >&2; sleep 1; printf '\\\\033[31mred\\\\033[0m\\\\tend'\")",
    );
    const { code, events } = await tryBuild(project);
    expect(code).toBe(0);
    const [task] = executed(events);
    const lines = task?.output.map(({ text }) => text) ?? [];
    expect(lines.toSorted()).toEqual(["err", "out", "red\tend"]);
    expect((task?.endedAt ?? 0) - (task?.output[0]?.at ?? Infinity)).toBeGreaterThan(700);
    const plain = await lamella(["build", "image.ts", "--progress", "plain", "--force"], {
      cwd: project.folder,
      env: { LAMELLA_HOME: `${project.store}/anew` },
    });
    expect(plain.stderr).toMatch(/run {6}echo out; .*\n(?:.*\n)*.*run {6}\| out\n/);
  });
});

test.each([
  ["a package that nobody has", 'withPipPackages("alhpa")', [], "alhpa"],
  ["a lock that is not there", 'withPipPackages("alpha")', ["--locked"], "There is no lock"],
] as const)("%s is said before a command below it runs", async (_, call, args, message) => {
  await using project = await projectWith("early", 'withCommands("echo early > /early")', call);
  const { code, events, stderr } = await tryBuild(project, args);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
  expect(executed(events)).toEqual([]);
});

test("proxies, certificates and package indexes of the machine reach commands, and nothing else", async () => {
  await using project = await projectWith(
    "machine",
    'withCommands("env | sort; date +%N > /time")',
  );
  const passwords = { proxy: "h1dden-proxy", index: "h1dden-index" };
  const env = {
    http_proxy: `http://ada:${passwords.proxy}@proxy.example:3128`,
    NO_PROXY: "127.0.0.1,localhost",
    UV_INDEX: `https://ada:${passwords.index}@index.example/simple`,
  };
  const { code, events } = await tryBuild(project, [], { env });
  expect(code).toBe(0);
  const lines = executed(events).flatMap(({ output }) => output.map(({ text }) => text));
  expect(lines).toContain("http_proxy=http://ada:***@proxy.example:3128");
  expect(lines).toContain("NO_PROXY=127.0.0.1,localhost");
  expect(lines).toContain("PIP_EXTRA_INDEX_URL=https://ada:***@index.example/simple");
  expect(lines).toContain("SSL_CERT_FILE=/dev/lamella/ca-certificates.crt");
  const elsewhere = await tryBuild(project, ["--force"]);
  expect(executed(elsewhere.events)).toEqual([]);
  expect(await inImage(project, "env; find /run; cat /etc/environment 2>&1")).not.toMatch(
    /proxy|PIP_|UV_INDEX|SSL_CERT|certificates/,
  );
});

describe("a command that fails", () => {
  test("is named with its exit code and its last lines, and nothing is tagged", async () => {
    await using project = await projectWith(
      "failing",
      'withCommands("echo fine", "for i in $(seq 30); do echo line $i; done; exit 7", "echo never")',
    );
    const { code, events } = await tryBuild(project);
    expect(code).toBe(1);
    const last = events.at(-1);
    expect(last).toMatchObject({ kind: "failed", code: "command-failed" });
    const message = last?.kind === "failed" ? last.message.split("\n") : [];
    expect(message[0]).toBe(
      "The command failed with exit code 7: for i in $(seq 30); do echo line $i; done; exit 7",
    );
    expect(message.slice(1)).toEqual(Array.from({ length: 20 }, (_, at) => `line ${at + 11}`));
    expect(executed(events).map(({ outcome }) => outcome)).toEqual(["done", "failed"]);
    expect((await fetch(`http://${registry.host}/v2/failing/tags/list`)).status).toBe(404);
  });

  test("because it takes more time or memory than it may is ended, with all that it started", async () => {
    const hungry = "python3 -c 'b = bytearray(1 << 30)'";
    for (const [command, args, error] of [
      ["echo begun; sleep 60 & sleep 60", ["--step-timeout", "1s"], /still running.*\n.*begun/],
      [hungry, ["--step-memory", "100MiB"], /ran out of memory/],
    ] as const) {
      await using project = await projectWith(
        "limited",
        `withCommands(${JSON.stringify(command)})`,
      );
      const { code, events, stderr } = await tryBuild(project, args);
      expect(code).toBe(1);
      expect(stderr).toMatch(error);
      expect(executed(events).map(({ outcome }) => outcome)).toEqual(["failed"]);
    }
  });

  test("because it takes more than the settings allow is ended, unless an option allows it", async () => {
    await using project = await projectWith("limited", 'withCommands("sleep 3")');
    const registries = { "docker.io": { mirror: registry.host } };
    const steps = { timeout: "1s" };
    await project.write("config.yaml", JSON.stringify({ lamella: { registries, steps } }));
    const { code, stderr } = await tryBuild(project);
    expect(code).toBe(1);
    expect(stderr).toMatch(/still running/);
    expect((await tryBuild(project, ["--step-timeout", "1m"])).code).toBe(0);
  });

  test("does not undo those that did not: they are remembered", async () => {
    const first = "echo one > /one";
    await using project = await projectWith("resumed", `withCommands("${first}", "false")`);
    expect((await tryBuild(project)).code).toBe(1);
    const mended = debianImage(registry.host, "resumed", `withCommands("${first}", "true")`);
    await project.write("image.ts", mended);
    const { code, events } = await tryBuild(project);
    expect(code).toBe(0);
    expect(executed(events).map(({ name }) => name)).toEqual(["true"]);
  });
});

describe("what lies above a command is planned against what it left", () => {
  test("links, directories and their owners", async () => {
    await using project = await projectWith(
      "links",
      'withCommands("mkdir -p /data/app && ln -s data/app /app && chmod 2775 /data/app && chgrp 50 /data/app")',
      'withSourceFolder("./src", "/app")',
    );
    expect(
      await inImage(project, "readlink /app; cat /data/app/main.py; stat -c '%a %u:%g' /data/app"),
    ).toBe("data/app\nprint('main')\n2775 0:50\n");
  });

  test("packages that it installed, and those that it took away", async () => {
    await using project = await projectWith(
      "installed",
      'withPipPackages("alpha==1.0")',
      "withCommands(\"cd $VIRTUAL_ENV/lib/python3.11/site-packages && sed -i s/1.0/9.0/ alpha.py && sed -i 's/^Version: .*/Version: 9.0/' alpha-1.0.dist-info/METADATA && mv alpha-1.0.dist-info alpha-9.0.dist-info && sed -i s/alpha-1.0/alpha-9.0/ alpha-9.0.dist-info/RECORD\")",
      'withPipPackages("beta")',
    );
    // The definition asks for alpha 1.0, and the later call puts right what the command did.
    const listed = "ls $VIRTUAL_ENV/lib/python3.11/site-packages | grep info";
    expect(
      await inImage(project, `python -c 'import alpha, beta; print(alpha.version)'; ${listed}`),
    ).toBe("1.0\nalpha-1.0.dist-info\nbeta-1.0.dist-info\n");
  });

  test("a virtual environment that it made", async () => {
    await using project = await projectWith(
      "venv",
      "withCommands(\"mkdir -p /opt/venv/bin && ln -s /usr/bin/python3 /opt/venv/bin/python && printf 'home = /usr/bin\\\\nversion = 3.11.2\\\\n' > /opt/venv/pyvenv.cfg && chmod 711 /opt/venv/bin\")",
      'withPipPackages("alpha==1.0")',
    );
    expect(
      await inImage(
        project,
        "stat -c %a /opt/venv/bin; cat /opt/venv/pyvenv.cfg; python -c 'import alpha'",
      ),
    ).toBe("711\nhome = /usr/bin\nversion = 3.11.2\n");
  });
});

describe("a command whose parent is unchanged", () => {
  test("is not executed again, and neither it nor what lies below it is downloaded", async () => {
    await using project = await freshProject(
      "cached",
      'withPipPackages("alpha==1.0")',
      'withCommands("date +%N > /time")',
      'withSourceFolder("./src", "/app")',
    );
    const first = await build(project);
    await project.write("src/main.py", "print('changed')\n");
    await removeBlobs(project);
    await rm(join(project.store, "snapshots"), { recursive: true });

    const second = await withTraffic(registry, () => tryBuild(project));

    expect(second.result.code).toBe(0);
    expect(executed(second.result.events)).toEqual([]);
    const digests = first.platforms.flatMap(({ layers }) => layers.map(({ digest }) => digest));
    expect(second.downloads.filter((digest) => digests.some((one) => one === digest))).toEqual([]);
    // The source files, and the image's config.
    expect(second.uploads).toHaveLength(2);
    const last = second.result.events.at(-1);
    expect(last).toMatchObject({ kind: "finished", result: { upToDate: false } });
    if (last?.kind !== "finished") return;
    expect(timeLayer(last.result)).toBe(timeLayer(first));
  });

  test("is not executed on a machine that knows nothing but a cache in a registry", async () => {
    const calls = [
      'withPipPackages("alpha==1.0")',
      'withCommands("date +%N > /time", "mkdir -p /data && ln -s /data /app")',
      'withSourceFolder("./src", "/app")',
    ];
    await using first = await projectWith("travelled", ...calls);
    const cache = `${registry.host}/travelled-cache:1`;
    const { digest } = await build(first, ["--cache-to", cache]);
    await using second = await freshProject("travelled", ...calls);

    const fresh = await withTraffic(registry, () =>
      tryBuild(second, ["--force", "--cache-from", cache]),
    );

    expect(executed(fresh.result.events)).toEqual([]);
    expect(fresh.result.events.at(-1)).toMatchObject({ kind: "finished", result: { digest } });
    expect(fresh.uploads).toEqual([]);
    // Documents, and nothing of a layer.
    expect(fresh.downloaded).toBeLessThan(200_000);
  });

  test("is executed once for two images that share it", async () => {
    await using project = await projectWith("shared-a", 'withCommands("date +%N > /time")');
    await build(project);
    await project.write(
      "image.ts",
      debianImage(registry.host, "shared-b", 'withCommands("date +%N > /time", "true")'),
    );
    const { events } = await tryBuild(project);
    expect(executed(events).map(({ name }) => name)).toEqual(["true"]);
  });

  test("whatever is changed in the definition's comments and form", async () => {
    await using project = await projectWith("form", 'withCommands("date > /time")');
    const { digest } = await build(project);
    const text = debianImage(registry.host, "form", "withCommands('date > /time')");
    await project.write("image.ts", `// A comment.\n${text.replaceAll("\n  .", " .")}\n\n`);
    expect(await build(project)).toMatchObject({ upToDate: true, digest });
  });

  test("but is when what lies below, its variables or its workdir are others", async () => {
    await using project = await projectWith("changes", 'withCommands("true")');
    await build(project);
    for (const before of [
      'withEnvVars({ A: "1" })',
      'withWorkdir("/other")',
      'withSourceFolder("./src", "/src")',
      'withCommands("touch /x")',
    ]) {
      await project.write(
        "image.ts",
        debianImage(registry.host, "changes", before, 'withCommands("true")'),
      );
      const { events } = await tryBuild(project);
      expect(
        executed(events).map(({ name }) => name),
        before,
      ).toContain("true");
    }
  });
});

test("a build stopped while a command runs ends, and is finished by the next", async () => {
  await using project = await projectWith("stopped", 'withCommands("sleep 30; echo never")');
  const { build: buildNow, Image, loadConfig } = await import("../packages/lamella/src/index.ts");
  const config = {
    ...(await loadConfig({ cwd: project.folder, env: {} })),
    storeRoot: project.store,
  };
  const image = (command: string) =>
    Image.fromDebianBase({ pythonVersion: "3.11", installFlyte: false, name: "stopped" })
      .withCommands("echo first > /first")
      .withCommands(command);
  const stop = new AbortController();
  const stopped = buildNow(image("sleep 30; echo never"), { config, signal: stop.signal });
  const began = performance.now();
  for await (const event of stopped) {
    if (event.kind === "task-started" && event.task.name.startsWith("sleep")) stop.abort();
  }
  await expect(stopped).rejects.toThrow();
  expect(performance.now() - began).toBeLessThan(20_000);
  const again = buildNow(image("true"), { config });
  const events = await Array.fromAsync(again);
  expect(events.at(-1)?.kind).toBe("finished");
  expect(tasksOf(events).filter(({ kind }) => kind === "execute")).toHaveLength(1);
});
