import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decompressLayer } from "../oci/decompress.ts";
import type { Layer } from "../oci/descriptor.ts";
import { entryTime } from "../oci/tar-header.ts";
import { readTar } from "../oci/tar-reader.ts";
import { Store } from "../store/store.ts";
import type { Runtime } from "./runtime.ts";
import { executeStep, type StepOptions } from "./step.ts";
import type { StepMount } from "./step-mount.ts";
import { hostPrograms } from "./testdata/host-programs.ts";
import type { TestEntry } from "./testdata/tar-of.ts";
import { storeLayers } from "./testdata/test-image.ts";

const run = promisify(execFile);

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

  test("whiteouts for what it removed, and marks of directories that it emptied", async () => {
    const layer = await step("rm -r /d /f; mkdir -p /d/sub; echo x2 > /d/sub/x", {
      layers: [base],
    });
    expect(await listed(layer)).toEqual([
      "directory d 755",
      "opaque d 644",
      "directory d/sub 755",
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

const runtimes: [string, Runtime][] = [
  ["runc", { kind: "oci", executable: "/usr/sbin/runc" }],
  ["namespaces", { kind: "namespaces" }],
];

describe.each(runtimes)("what a step sees of this machine, with %s", (name, runtime) => {
  test("a cache keeps what steps of its id leave there, and no layer has it", async () => {
    const mounts: StepMount[] = [
      { kind: "cache", id: `apt ${name}`, destination: "/var/cache/apt", sharing: "locked" },
    ];
    const layers: TestEntry[][] = [[{ path: "var", kind: "directory", mode: 0o711 }]];
    const log = "/var/cache/apt/log";
    const write = (id: string): Promise<Layer | undefined> =>
      step(`echo begin ${id} >> ${log}; sleep 0.2; echo end ${id} >> ${log}`, {
        mounts,
        layers,
        runtime,
      });
    // Begun at the same time, they run one after the other.
    expect(await Promise.all([write("a"), write("b")])).toEqual([undefined, undefined]);
    let out = "";
    await step(`cat ${log}; ls -ld /var`, {
      mounts,
      layers,
      runtime,
      onOutput: (_, bytes) => (out += Buffer.from(bytes).toString()),
    });
    expect(out).toMatch(/^begin (a|b)\nend \1\nbegin (a|b)\nend \2\ndrwx--x--x /);
  });

  test("files and folders of this machine cannot be written, outputs can", async () => {
    const folder = await mkdtemp(join(root, "machine-"));
    await mkdir(join(folder, "out"));
    await writeFile(join(folder, "certificates"), "trusted");
    const mounts: StepMount[] = [
      { kind: "bind", source: join(folder, "certificates"), destination: "/dev/lamella/ca.crt" },
      { kind: "bind", source: folder, destination: "/opt/machine" },
      { kind: "output", path: join(folder, "out"), destination: "/out" },
    ];
    const script = [
      "cat /dev/lamella/ca.crt /opt/machine/certificates > /out/read",
      "echo x > /dev/lamella/ca.crt",
      "echo x > /opt/machine/x",
      "echo kept > /opt/kept",
    ].join("; ");
    const layer = await step(script, { mounts, runtime });
    expect(await readdir(folder, { recursive: true })).toEqual(["certificates", "out", "out/read"]);
    expect(await readFile(join(folder, "out/read"), "utf8")).toBe("trustedtrusted");
    expect(await readFile(join(folder, "certificates"), "utf8")).toBe("trusted");
    expect(await listed(layer)).toEqual(["directory opt 755", 'file opt/kept 644 "kept\\n"']);
  });

  test("it stands where the links of the image lead", async () => {
    const layers: TestEntry[][] = [
      [
        { path: "run", kind: "directory" },
        { path: "var/run", kind: "symlink", target: "/run" },
        { path: "out", kind: "symlink", target: "../../var/run/here" },
      ],
    ];
    const source = await mkdtemp(join(root, "links-"));
    const mounts: StepMount[] = [{ kind: "output", path: source, destination: "/out/there" }];
    const layer = await step("echo x > /run/here/there/x; echo y > /run/y", {
      layers,
      mounts,
      runtime,
    });
    expect(await readdir(source)).toEqual(["x"]);
    expect(await listed(layer)).toEqual(["directory run 755", 'file run/y 644 "y\\n"']);
  });

  test("secrets are in files in memory and in variables, and on no disk", async () => {
    const value = `open'sesame"$(id) ${name}`;
    const mounts: StepMount[] = [
      { kind: "secret", destination: "/run/secrets/token", value: Buffer.from(value) },
      { kind: "secret", destination: "/etc/netrc", value: Buffer.from(value), mode: 0o644, uid: 7 },
    ];
    const layers: TestEntry[][] = [[{ path: "etc/netrc", text: "of the image" }]];
    const started = Promise.withResolvers<void>();
    const goOn = join(await mkdtemp(join(root, "go-")), "on");
    await writeFile(goOn, "");
    const script = [
      'test "$(cat /run/secrets/token)" = "$TOKEN" && test "$(cat /etc/netrc)" = "$TOKEN"',
      "ls -ln /run/secrets/token /etc/netrc",
      "while test -e /go/on; do sleep 0.05; done",
      "rm -f /etc/netrc /run/secrets/token || test -e /etc/netrc",
    ].join(" && ");
    let out = "";
    const running = step(script, {
      layers,
      mounts: [...mounts, { kind: "bind", source: dirname(goOn), destination: "/go" }],
      process: { env: { TOKEN: value, PATH: "/bin", IFS: "x", "odd-name": "1" } },
      runtime,
      onOutput: (_, bytes) => {
        out += Buffer.from(bytes).toString();
        if (out.includes("netrc")) started.resolve();
      },
    });
    running.catch(started.reject);
    await started.promise;
    const found = await run("grep", ["-rlF", "sesame", root]).catch((error: unknown) => error);
    expect(found).toMatchObject({ code: 1, stdout: "" });
    expect((await run("ps", ["-eo", "args"])).stdout).not.toContain('sesame"$(id)');
    await rm(goOn);
    expect(await running).toBe(undefined);
    expect(out).toMatch(/^-r--------.* 0 0 .*\/run\/secrets\/token$/m);
    expect(out).toMatch(/^-rw-r--r--.* 7 0 .*\/etc\/netrc$/m);
  });

  test("what cannot be mounted is an error that names it", async () => {
    const layers: TestEntry[][] = [[{ path: "file" }, { path: "l", kind: "symlink", target: "l" }]];
    const cases: [StepMount, RegExp][] = [
      [{ kind: "bind", source: "/no/such", destination: "/x" }, /\/no\/such/],
      [{ kind: "cache", id: "x", destination: "/file" }, /\/file is no directory/],
      [{ kind: "cache", id: "x", destination: "/file/below" }, /\/file is no directory/],
      [{ kind: "cache", id: "x", destination: "/l/below" }, /circle/],
      [{ kind: "secret", value: Buffer.from(""), destination: "/etc" }, /\/etc is a directory/],
      [{ kind: "cache", id: "x", destination: "/" }, /root/],
    ];
    for (const [mount, message] of cases) {
      const failed = step("", { layers: [base, ...layers], mounts: [mount], runtime });
      await expect(failed).rejects.toMatchObject({ code: "execution-mount-failed" });
      await expect(failed).rejects.toThrow(message);
    }
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
