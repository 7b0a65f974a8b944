import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ContainerConfig } from "../oci/config.ts";
import type { Layer } from "../oci/descriptor.ts";
import { Store } from "../store/store.ts";
import { containerId } from "./cgroup.ts";
import { removeLeftovers } from "./leftovers.ts";
import { type RunImageOptions, runImage } from "./run.ts";
import { findRuntime, type Runtime, requireRoot } from "./runtime.ts";
import { hostPrograms } from "./testdata/host-programs.ts";
import type { TestEntry } from "./testdata/tar-of.ts";
import { configOf, storeLayers } from "./testdata/test-image.ts";

const run = promisify(execFile);

let root: string;
let store: Store;
let programs: readonly TestEntry[];

const accounts: readonly TestEntry[] = [
  { path: "usr/bin", kind: "symlink", target: "../bin" },
  { path: "etc", kind: "directory" },
  {
    path: "etc/passwd",
    text: "root:x:0:0::/root:/bin/sh\nada:x:1000:1000:Ada:/home/ada:/bin/sh\n",
  },
  { path: "etc/group", text: "root:x:0:\nada:x:1000:\nvideo:x:44:ada\n" },
  { path: "home/ada", kind: "directory", mode: 0o700, uid: 1000, gid: 1000 },
];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "lamella-run-"));
  store = await Store.open(join(root, "store"));
  programs = await hostPrograms(["sh", "cat", "id", "ls", "sleep", "stat", "env", "touch", "df"]);
});

afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Wanted extends Partial<Omit<RunImageOptions, "layers" | "config" | "stdio">> {
  readonly layers?: readonly (readonly TestEntry[])[];
  readonly config?: ContainerConfig;
  readonly input?: string;
}

/** Runs a shell command (or `command`) in an image of the host's programs with further layers. */
async function shell(script: string, wanted: Wanted = {}): Promise<Outcome> {
  const { layers: more = [], config, input, ...options } = wanted;
  const layers = await storeLayers(store, [[...programs, ...accounts], ...more]);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const code = await runImage({
    layers,
    config: configOf(layers, config),
    store,
    command: ["sh", "-c", script],
    stdio: {
      kind: "streams",
      ...(input !== undefined && { stdin: single(Buffer.from(input)) }),
      stdout: { write: (chunk) => void out.push(Buffer.from(chunk)) },
      stderr: { write: (chunk) => void err.push(Buffer.from(chunk)) },
    },
    ...options,
  });
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Mounts, processes, cgroups and folders of containers that are there now. */
async function leftovers(): Promise<string[]> {
  const mounts = (await readFile("/proc/self/mountinfo", "utf8"))
    .split("\n")
    .filter((line) => line.includes(root));
  const { stdout } = await run("ps", ["-eo", "pid,args"]);
  const processes = stdout
    .split("\n")
    .filter((line) => line.includes(root) && /setpriv|unshare|runc/.test(line));
  const folders = await readdir(store.path("sessions"), { recursive: true });
  const [ours = ""] = containerId(store, { path: "" }).split(".");
  const cgroups = await run("find", ["/sys/fs/cgroup", "-path", "*/lamella/*", "-type", "d"]);
  return [
    ...mounts,
    ...processes,
    ...folders.filter((name) => name.includes("/")),
    ...cgroups.stdout.split("\n").filter((path) => path.includes(ours)),
  ];
}

const runc: Runtime = { kind: "oci", executable: "/usr/sbin/runc", keeps: true };

describe.each<[string, Runtime]>([
  ["runc", runc],
  ["namespaces", { kind: "namespaces" }],
])("with %s", (_, runtime) => {
  test("a command's output, input and exit code pass through", async () => {
    const script = "cat; echo to stderr >&2; exit 7";
    expect(await shell(script, { input: "to stdout\n", runtime })).toEqual({
      code: 7,
      out: "to stdout\n",
      err: "to stderr\n",
    });
  });

  test("it has the image's environment and directory, and the caller's on top", async () => {
    const config = { Env: ["A=image", "B=image", "LD_X=1"], WorkingDir: "/work" };
    const script = 'echo "$A $B $LD_X $HOME $PATH"; pwd; cat /proc/$$/comm';
    const { out } = await shell(script, {
      config,
      env: { B: "a 'caller'" },
      workdir: "sub",
      runtime,
    });
    expect(out.split("\n").slice(0, 3)).toEqual([
      "image a 'caller' 1 /root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "/work/sub",
      "sh",
    ]);
  });

  test("a user is found by name in the image, with groups and without capabilities", async () => {
    const script = 'id -u; id -g; id -G; echo "$HOME"; cat /proc/self/status; touch /home/ada/file';
    const { code, out } = await shell(script, { user: "ada", runtime });
    expect(code).toBe(0);
    expect(out).toMatch(/^1000\n1000\n1000 44\n\/home\/ada\n/);
    expect(out).toMatch(/CapEff:\t0{16}\nCapBnd:\t00000000a80425fb/);
    expect((await shell("id -u; id -g", { user: "7:video", runtime })).out).toBe("7\n44\n");
  });

  test("root has Docker's capabilities", async () => {
    const { out } = await shell("cat /proc/self/status", { runtime });
    expect(out).toMatch(/CapInh:\t0{16}\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb/);
  });

  test("the kernel's file systems are there, and no links of the image lead them astray", async () => {
    const links: TestEntry[] = [
      { path: "proc", kind: "symlink", target: root },
      { path: "dev", kind: "symlink", target: "/tmp" },
      { path: "etc/resolv.conf", kind: "symlink", target: join(root, "resolv.conf") },
    ];
    const script = [
      "echo x > /dev/null && cat /dev/null && ls -d /dev/shm /dev/pts /dev/mqueue /sys/kernel",
      "echo $(cat /etc/resolv.conf /etc/hosts)",
      "touch /sys/x 2>/dev/null || echo readonly",
    ].join("; ");
    const { out } = await shell(script, { layers: [links], runtime });
    const files = await Promise.all(
      ["/etc/resolv.conf", "/etc/hosts"].map((path) => readFile(path, "utf8")),
    );
    expect(out.split("\n")).toEqual([
      "/dev/mqueue",
      "/dev/pts",
      "/dev/shm",
      "/sys/kernel",
      files.join("").split(/\s+/).filter(Boolean).join(" "),
      "readonly",
      "",
    ]);
    expect(await readdir(root)).toEqual(["store"]);
  });

  test("what it writes is not kept", async () => {
    await shell("touch /new /etc/passwd; echo x > /etc/group", { runtime });
    expect((await shell("ls /new; cat /etc/group", { runtime })).out).toMatch(/^root:x:0:/);
  });

  test("an aborted one ends with all its children, and leaves nothing", async () => {
    const stop = new AbortController();
    const running = shell("sleep 1000 & sleep 1000 & echo started; wait", {
      signal: stop.signal,
      runtime,
    });
    setTimeout(() => stop.abort(new Error("enough")), 500);
    await expect(running).rejects.toThrow("enough");
    expect(await leftovers()).toEqual([]);
    expect((await run("ps", ["-eo", "args"])).stdout).not.toMatch(/^sleep 1000$/m);
  });

  test("killed with Lamella by the kernel, it leaves what the next start removes", async () => {
    const child = startProcess(runtime, "sleep 1234 & echo started; wait");
    await once(child.stdout!, "data");
    expect(await leftovers()).not.toEqual([]);
    child.kill("SIGKILL");
    await once(child, "exit");
    // The kernel needs a moment for the tree.
    await expect
      .poll(async () => (await run("ps", ["-eo", "args"])).stdout)
      .not.toMatch(/^sleep 1234$/m);
    expect((await shell("exit 0", { runtime })).code).toBe(0);
    await using next = await Store.open(store.root);
    await removeLeftovers(next);
    expect(await leftovers()).toEqual([]);
  });

  test("signals are the command's", async () => {
    const script = "trap 'echo asked; exit 9' TERM; echo started; while :; do sleep 0.05; done";
    const child = startProcess(runtime, script);
    await once(child.stdout!, "data");
    child.kill("SIGTERM");
    const exited = once(child, "exit");
    expect((await once(child.stdout!, "data")).join("")).toBe("asked\n");
    expect(await exited).toEqual([9, null]);
  });

  test("one that ignores SIGTERM is ended by the third", async () => {
    const child = startProcess(runtime, "trap '' TERM; echo started; while :; do sleep 0.05; done");
    await once(child.stdout!, "data");
    const exited = once(child, "exit");
    for (let time = 0; time < 3; time++) {
      child.kill("SIGTERM");
      await delay(50);
    }
    expect(await exited).toEqual([137, null]);
  });

  test("it has a terminal where the caller has one", async () => {
    const program = new URL("./testdata/run-process.ts", import.meta.url).pathname;
    const inside = "test -t 0 && test -t 1 && stty size; exit 5";
    // Python's pty gives a real terminal to a program.
    const python = [
      "import os, pty, sys, fcntl, struct, termios",
      "pid, fd = pty.fork()",
      "if pid == 0:",
      "    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 44, 0, 0))",
      "    os.execv(sys.argv[1], sys.argv[1:])",
      "while True:",
      "    try: data = os.read(fd, 4096)",
      "    except OSError: break",
      "    if not data: break",
      "    sys.stdout.buffer.write(data)",
      "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    ].join("\n");
    const args = [process.execPath, program, store.root, JSON.stringify(runtime), inside];
    const failed = await run("python3", ["-c", python, ...args]).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: 5,
      stdout: "33 44\r\n",
    });
  });

  test("Ctrl-C on a terminal ends a command that does not handle it", async () => {
    const program = new URL("./testdata/run-process.ts", import.meta.url).pathname;
    // Without a container runtime the command is the first of its namespace, and only the third ends it.
    const [presses, code] = runtime.kind === "oci" ? [1, 130] : [3, 137];
    const python = [
      "import os, pty, sys, time",
      "pid, fd = pty.fork()",
      "if pid == 0: os.execv(sys.argv[1], sys.argv[1:])",
      "while b'started' not in os.read(fd, 4096): pass",
      `for _ in range(${presses}):`,
      "    time.sleep(0.3)",
      "    os.write(fd, b'\\x03')",
      "try:",
      "    while os.read(fd, 4096): pass",
      "except OSError: pass",
      "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    ].join("\n");
    const inside = "echo started; exec sleep 60";
    const args = [process.execPath, program, store.root, JSON.stringify(runtime), inside];
    const ended = await run("python3", ["-c", python, ...args]).catch((error: unknown) => error);
    expect(ended).toMatchObject({ code });
  });
});

function startProcess(runtime: Runtime, script: string): ChildProcess {
  const program = new URL("./testdata/run-process.ts", import.meta.url).pathname;
  const args = [program, store.root, JSON.stringify(runtime), script];
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
}

describe("layers", () => {
  test("130 of them are one root filesystem", async () => {
    const layers = Array.from({ length: 129 }, (_, index): TestEntry[] => [
      { path: `layer-${index}`, text: String(index) },
      { path: "last", text: String(index) },
    ]);
    const { out } = await shell("echo /layer-*; cat /last", { layers });
    expect(out.split(" ")).toHaveLength(129);
    expect(out).toMatch(/\n128$/);
  });

  test("hide and show what the ones below have, as the specification says", async () => {
    const layers: TestEntry[][] = [
      [
        { path: "a/gone", text: "1" },
        { path: "a/kept", text: "1" },
        { path: "b/below", text: "1" },
        { path: "c/below", text: "1" },
        { path: "d", text: "1" },
        { path: "e/f/below", text: "1" },
      ],
      [
        { path: "a/.wh.gone" },
        { path: "b/.wh..wh..opq" },
        { path: "b/above", text: "2" },
        { path: ".wh.c" },
        { path: "d", kind: "directory" },
        { path: "d/above", text: "2" },
        { path: ".wh.e" },
      ],
      [
        { path: "c/again", text: "3" },
        { path: "e/f/again", text: "3" },
      ],
    ];
    const { out } = await shell("cd /; echo a/* b/* c/* d/* e/f/*", { layers });
    expect(out).toBe("a/kept b/above c/again d/above e/f/again\n");
  });

  test("without entries for directories leave those as the base has them", async () => {
    const layers: TestEntry[][] = [
      [
        { path: "", kind: "directory", mode: 0o711 },
        { path: "private", kind: "directory", mode: 0o700, uid: 1000, gid: 44 },
        { path: "private/tmp", kind: "directory", mode: 0o1777 },
      ],
      [{ path: "private/tmp/x/file" }],
      [{ path: "private/tmp/other" }, { path: "home/ada/.profile" }],
    ];
    const { out } = await shell(
      "stat -c '%n %a %u:%g' / /private /private/tmp /private/tmp/x /home/ada",
      { layers },
    );
    expect(out.trim().split("\n")).toEqual([
      "/ 711 0:0",
      "/private 700 1000:44",
      "/private/tmp 1777 0:0",
      "/private/tmp/x 755 0:0",
      "/home/ada 700 1000:1000",
    ]);
  });
});

describe("errors say what to do", () => {
  test("no such command", async () => {
    await expect(shell("", { command: ["nosuchthing"] })).rejects.toMatchObject({
      code: "execution-command-not-found",
      exitCode: 127,
      message: expect.stringContaining('"nosuchthing"'),
    });
    await expect(shell("", { command: ["/etc/passwd"] })).rejects.toMatchObject({
      code: "execution-command-not-found",
      exitCode: 126,
    });
  });

  test("no such user", async () => {
    await expect(shell("", { user: "grace" })).rejects.toMatchObject({
      code: "execution-user-unknown",
      hint: expect.stringContaining("ada"),
    });
  });

  test("a blob that is not there", async () => {
    const [layer] = await storeLayers(store, [[{ path: "never unpacked" }]]);
    await store.blobs.remove((layer as Layer).digest);
    const layers = [layer as Layer];
    await expect(runImage({ layers, config: configOf(layers), store })).rejects.toMatchObject({
      code: "store-blob-not-found",
    });
  });

  test("not root", () => {
    process.seteuid?.(65534);
    try {
      expect(() => requireRoot()).toThrow(/Only root/);
    } finally {
      process.seteuid?.(0);
    }
  });
});

describe("the runtime is found by trying", () => {
  test("one that works is taken, and remembered", async () => {
    expect(await findRuntime(store, { programs: ["/bin/false", "runc"] })).toEqual(runc);
    const start = performance.now();
    expect(await findRuntime(store, { programs: ["/bin/false", "runc"] })).toEqual(runc);
    expect(performance.now() - start).toBeLessThan(50);
  });

  test("where none works, there are namespaces", async () => {
    expect(await findRuntime(store, { programs: ["/bin/false", "nosuchthing"] })).toEqual({
      kind: "namespaces",
    });
  });
});
