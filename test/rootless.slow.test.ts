import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chown, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamella, startLamella, temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { mountSmallDisk } from "../packages/lamella/testing/small-disk.ts";
import { startAptMirror } from "./apt-mirror.ts";
import { freshProjects } from "./fresh-projects.ts";
import { installForAll } from "./install-for-all.ts";
import { leftoversOf } from "./leftovers.ts";
import { nastyCommands } from "./nasty-commands.ts";
import {
  build,
  createProject,
  debianImage,
  type Project,
  type RunOptions,
  tryBuild,
} from "./project.ts";
import { stopAndBuild } from "./stop-and-build.ts";
import { TagCheck } from "./tag-check.ts";
import { executed, tasksOf } from "./tasks.ts";

// Commands of an image, executed by somebody who is not root.

const run = promisify(execFile);

let open: AsyncDisposableStack;
let registry: RunningRegistry;
let program: [string, string];

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startMirror());
  program = await installForAll(opening.use(await temporaryFolder("lamella-for-all-")).path);
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

interface User extends AsyncDisposable {
  readonly uid: number;
  readonly gid: number;
}

/** A user of this machine, as long as it is held. */
async function addUser(options: { readonly subordinateIds: boolean }): Promise<User> {
  const name = `lamella-test-${randomBytes(4).toString("hex")}`;
  const count = options.subordinateIds ? 65_536 : 0;
  await run("useradd", [
    "--no-create-home",
    "--user-group",
    ...["SUB_UID_COUNT", "SUB_GID_COUNT"].flatMap((key) => ["--key", `${key}=${count}`]),
    name,
  ]);
  const id = async (option: string): Promise<number> =>
    Number((await run("id", [option, name])).stdout);
  return {
    uid: await id("-u"),
    gid: await id("-g"),
    [Symbol.asyncDispose]: async () => void (await run("userdel", [name])),
  };
}

interface OwnProject {
  readonly project: Project;
  readonly options: RunOptions;
}

/** A project that is a user's own, and how he builds it. */
async function projectOf(
  user: User,
  name: string,
  ...commands: readonly string[]
): Promise<OwnProject> {
  const call = `withCommands(${commands.map((command) => JSON.stringify(command)).join(", ")})`;
  return await projectWith(user, registry.host, debianImage(registry.host, name, call));
}

async function projectWith(user: User, mirror: string, definition: string): Promise<OwnProject> {
  const project = await createProject({ mirror, definition });
  const home = dirname(project.folder);
  await run("chown", ["--recursive", `${user.uid}:${user.gid}`, home]);
  const env = { HOME: home, TMPDIR: home, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  const { uid, gid } = user;
  return { project, options: { program, uid, gid, env: { ...env, XDG_CACHE_HOME: undefined } } };
}

// Device nodes are root's alone to make, and a user has some 65,000 subordinate ids.
const possible = nastyCommands.map(({ script }) =>
  script.replaceAll(/mknod [^&]*&& /g, "").replace("3000000000:3000000001", "30000:30001"),
);

// Owners that the user himself could not give.
const owners = "mkdir /c && touch /c/x && chown -R 33:44 /c && chmod 700 /c";

test("a user with subordinate ids makes the very layers that root makes", async () => {
  await using user = await addUser({ subordinateIds: true });
  const { project, options } = await projectOf(user, "rootless", ...possible);
  await using _ = project;
  const byUser = await build(project, [], options);
  await using store = await temporaryFolder();
  const byRoot = await build({ ...project, store: store.path }, ["--output", "oci:by-root"]);
  expect(byUser.digest).toBe(byRoot.digest);
  const left = await readdir(join(project.store, "sessions"), { recursive: true });
  expect(left.filter((path) => path.includes("/"))).toEqual([]);
});

test("a user without any is told what to set up, before a command runs", async () => {
  await using user = await addUser({ subordinateIds: false });
  const { project, options } = await projectOf(user, "no-ids", "touch /x");
  await using _ = project;
  const { events } = await tryBuild(project, [], options);
  expect(events.at(-1)).toMatchObject({
    kind: "failed",
    code: "execution-unsupported",
    hint: expect.stringContaining("usermod --add-subuids"),
  });
});

test("a namespace of one id is said to lack the others, and one of more ids has them", async () => {
  await using user = await addUser({ subordinateIds: true });
  const { project, options } = await projectOf(user, "one-id", "touch /x");
  await using _ = project;
  const unshare = ["unshare", "--user", "--map-root-user"] as const;
  const alone = await tryBuild(project, [], { ...options, program: [...unshare, ...program] });
  expect(alone.events.at(-1)).toMatchObject({
    kind: "failed",
    code: "execution-unsupported",
    message: expect.stringMatching(/files of user 0 and group 42, and the user namespace/),
    hint: expect.stringContaining("--map-auto"),
  });
  const hinted = [...unshare, "--map-auto", ...program] as const;
  await build(project, [], { ...options, program: [...hinted] });
});

test("a user's limit of memory is refused before anything is fetched for the command", async () => {
  await using user = await addUser({ subordinateIds: true });
  const { project, options } = await projectOf(user, "limited", "touch /x");
  await using _ = project;
  const { events } = await tryBuild(project, ["--step-memory", "1GB"], options);
  expect(events.at(-1)).toMatchObject({ kind: "failed", code: "execution-unsupported" });
  const kinds = events.flatMap((event) => (event.kind === "task-started" ? [event.task.kind] : []));
  expect(kinds).toContain("base");
  expect(kinds).not.toContain("fetch");
});

test("root who may not mount, as in a container, makes the same layers", async () => {
  const definition = debianImage(
    registry.host,
    "container",
    `withCommands(${JSON.stringify(owners)})`,
  );
  await using project = await createProject({ mirror: registry.host, definition });
  await using store = await temporaryFolder();
  const bounded = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all", ...program] as const;
  const inContainer = await build(project, [], { program: [...bounded] });
  const byRoot = await build({ ...project, store: store.path }, ["--output", "oci:by-root"]);
  expect(inContainer.digest).toBe(byRoot.digest);
});

const processes = async (): Promise<string> => (await run("ps", ["-eo", "args"])).stdout;

test("killed, a user's build leaves nothing behind", async () => {
  await using user = await addUser({ subordinateIds: true });
  const marker = "while :; do sleep 0.4321; done";
  const { project, options } = await projectOf(user, "killed", owners, marker);
  await using _ = project;
  const child = startLamella(["build", "image.ts"], {
    ...options,
    cwd: project.folder,
    env: { ...options.env, LAMELLA_HOME: project.store },
  });
  const ended = once(child, "exit");
  await expect.poll(processes, { timeout: 120_000 }).toContain("sleep 0.4321");
  child.kill("SIGKILL");
  await ended;
  const left = (): Promise<string[]> =>
    readdir(join(project.store, "sessions"), { recursive: true });
  // What is in the user namespace notices, and cleans up itself: nobody else could.
  await expect
    .poll(async () => (await left()).filter((path) => path.includes("/step-")), { timeout: 20_000 })
    .toEqual([]);
  expect(await processes()).not.toContain("sleep 0.4321");
});

test("killed with all its processes, a user's build leaves what the next command removes", async () => {
  await using user = await addUser({ subordinateIds: true });
  const marker = "while :; do sleep 0.1234; done";
  const { project, options } = await projectOf(user, "killed-whole", `${owners} && ${marker}`);
  await using _ = project;
  const asUser = {
    ...options,
    cwd: project.folder,
    env: { ...options.env, LAMELLA_HOME: project.store },
  };
  const child = startLamella(["build", "image.ts"], asUser);
  const ended = once(child, "exit");
  await expect.poll(processes, { timeout: 120_000 }).toContain("sleep 0.1234");
  // As the kernel does it that wants memory, or the end of a session.
  const { stdout: pids } = await run("ps", ["-U", String(user.uid), "-o", "pid="]);
  for (const pid of pids.trim().split(/\s+/)) process.kill(Number(pid), "SIGKILL");
  await ended;
  await expect.poll(processes).not.toContain("sleep 0.1234");
  const left = (): Promise<string[]> =>
    readdir(join(project.store, "sessions"), { recursive: true });
  expect((await left()).filter((path) => path.includes("/step-"))).not.toEqual([]);

  const { code, stderr } = await lamella(["plan", "image.ts"], asUser);
  expect(code, stderr).toBe(0);
  expect(await left()).toEqual([]);
});

test("a user's store is pruned to the last file, and then its folder is his to remove", async () => {
  await using user = await addUser({ subordinateIds: true });
  await using mirror = await startAptMirror();
  // Package archives leave folders of another user's in the caches.
  const calls = ['withAptPackages("tree")', `withCommands(${JSON.stringify(owners)}, "false")`];
  const definition = debianImage(mirror.host, "pruned", ...calls);
  const { project, options } = await projectWith(user, mirror.host, definition);
  await using _ = project;
  const { events } = await tryBuild(project, [], options);
  expect(events.at(-1)).toMatchObject({ kind: "failed", code: "command-failed" });
  expect(tasksOf(events).map(({ kind }) => kind)).toContain("unpack");
  const asUser = {
    ...options,
    cwd: project.folder,
    env: { ...options.env, LAMELLA_HOME: project.store },
  };
  const place = { uid: user.uid, gid: user.gid };
  await expect(run("ls", ["--recursive", project.store], place)).rejects.toThrow(/denied/);

  const look = await lamella(["prune", "--all", "--dry-run"], asUser);
  const pruned = await lamella(["prune", "--all"], asUser);
  expect([pruned.code, pruned.stderr]).toEqual([0, ""]);
  const [unpacked] = /unpacked layers.*\n.*caches of commands.*\n/.exec(look.stdout) ?? [];
  expect(pruned.stdout).toContain(unpacked);
  expect(pruned.stdout).toContain("removed; nothing stays.");
  await run("rm", ["--recursive", project.store], place);
});

/** How a user runs a command that root starts in a namespace. */
function becoming({ uid, gid }: User): readonly [string, ...string[]] {
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
  return ["setpriv", ...identity, "--", ...program];
}

interface Home extends AsyncDisposable {
  readonly options: Required<Pick<RunOptions, "env" | "program">>;
  /** Makes a project the user's own, with a store in his home. */
  take(project: Project): Promise<Pick<Project, "folder" | "store">>;
}

async function homeOf(user: User): Promise<Home> {
  const { path, [Symbol.asyncDispose]: dispose } = await temporaryFolder("lamella-home-");
  await chown(path, user.uid, user.gid);
  return {
    options: {
      env: { HOME: path, TMPDIR: path, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      program: becoming(user),
    },
    take: async ({ folder }) => {
      await run("chown", ["--recursive", `${user.uid}:${user.gid}`, dirname(folder)]);
      return { folder, store: join(path, "store") };
    },
    [Symbol.asyncDispose]: dispose,
  };
}

test("stopped at any moment, a user's build is finished by the next, and nothing is left", async () => {
  await using user = await addUser({ subordinateIds: true });
  await using projects = await freshProjects(registry.host, "stopped", { executes: true });
  const tags = new TagCheck(registry.host, "stopped");
  await using home = await homeOf(user);
  for (const [signal, moment] of [
    ["SIGKILL", "task-started execute"],
    ["SIGKILL", "task-output execute"],
    ["SIGKILL", "task-finished execute"],
    ["SIGKILL", { events: 20, milliseconds: Math.random() * 1000 }],
    ["SIGKILL", { events: 20, milliseconds: Math.random() * 2000 }],
    ["SIGINT", "task-started execute"],
    ["SIGINT", "task-output execute"],
  ] as const) {
    await using project = await projects.next();
    const place = await home.take(project);
    const { interrupted } = await stopAndBuild(place, signal, moment, { ...home.options, tags });
    expect(interrupted || typeof moment === "object").toBe(true);
    expect((await stat(place.store)).uid).toBe(user.uid);
  }
});

test("what ends a user's command leaves nothing, and the next build goes on from there", async () => {
  await using user = await addUser({ subordinateIds: true });
  await using projects = await freshProjects(registry.host, "ended", { executes: true });
  await using home = await homeOf(user);
  await using disk = await mountSmallDisk("30m");
  await chown(disk.path, user.uid, user.gid);
  for (const [command, args, code] of [
    ["(setsid sleep 1015 &); sleep 1015", ["--step-timeout", "1s"], "execution-step-timeout"],
    ["(setsid sleep 1015 &); exit 3", [], "command-failed"],
    ["dd if=/dev/zero of=/large bs=1M count=50", [], "store-disk-full"],
  ] as const) {
    await using project = await projects.next();
    const [before, after] = [`echo ${code} > /before`, `echo ${code} > /after`];
    // Without packages it needs no uv, which would have to be installed for him, which fills the disk.
    await project.write("packages.json", "[]");
    await project.write("commands.json", JSON.stringify([before, command]));
    const { folder, store: ample } = await home.take(project);
    const store = code === "store-disk-full" ? join(disk.path, "store") : ample;

    const { events } = await tryBuild({ folder, store }, args, home.options);

    expect(events.at(-1)).toMatchObject({ kind: "failed", code });
    expect(executed(events).map(({ outcome }) => outcome)).toEqual(["done", "failed"]);
    expect(await leftoversOf(store)).toEqual([]);
    expect(await processes()).not.toContain("sleep 1015");
    await project.write("commands.json", JSON.stringify([before, after]));
    const next = await tryBuild({ folder, store }, [], home.options);
    expect(next.code, next.stderr).toBe(0);
    expect(executed(next.events).map(({ name }) => name)).toEqual([after]);
  }
});
