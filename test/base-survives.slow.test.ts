import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256 } from "../packages/lamella/src/files/digest.ts";
import type { ContainerEngine } from "../packages/lamella/testing/container-engine.ts";
import { startContainerd } from "../packages/lamella/testing/containerd.ts";
import { pushDebianBase } from "../packages/lamella/testing/debian-base.ts";
import { startDockerEngine } from "../packages/lamella/testing/docker-engine.ts";
import { startRegistry } from "../packages/lamella/testing/docker-registry.ts";
import {
  directory,
  file,
  type MadeEntry,
  makeLayer,
  symlink,
} from "../packages/lamella/testing/made-base.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { compareInventories, takeInventory } from "./inventory.ts";
import { lamellaEngine } from "./lamella-engine.ts";
import { createProject, type Project, tryBuild } from "./project.ts";

// Files are put on a base that would suffer from the obvious way to do it: a layer over a link replaces the link, and a
// layer that does not say whose a directory is makes it root's. Who looks is whoever runs containers.

const ada = { uid: 1200, gid: 1200 };

/** On top of Debian, where /bin is a link to usr/bin, /root is root's alone, and /tmp is everybody's. */
const linksAndPrivateDirectories: readonly MadeEntry[] = [
  directory("data", { mode: 0o2775, gid: 50 }),
  directory("data/apps", { mode: 0o751, ...ada }),
  directory("data/apps/v1", { mode: 0o2711, ...ada }),
  file("data/apps/v1/settings.txt", "the base's\n", { mode: 0o640, ...ada }),
  symlink("data/apps/current", "v1"),
  // Twice a link, once an absolute one.
  symlink("app", "/data/apps/current"),
  // Where the virtual environment goes.
  directory("data/opt", { mode: 0o750, ...ada }),
  symlink("opt", "data/opt"),
  directory("home"),
  directory("home/ada", { mode: 0o700, ...ada }),
  file("home/ada/.profile", "# Ada's\n", { mode: 0o600, ...ada }),
  directory("drop", { mode: 0o1777 }),
  directory("etc"),
  file("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nada:x:1200:1200::/home/ada:/bin/sh\n"),
  file("etc/group", "root:x:0:\nstaff:x:50:\nada:x:1200:\n"),
];

const engineNames = ["Docker's engine", "containerd", "lamella run"] as const;
type EngineName = (typeof engineNames)[number];

let engines: Readonly<Record<EngineName, ContainerEngine>>;
/** References: the base, an image of root's on it, and one of a user who is added. */
let base: string;
let roots: string;
let flytes: string;
let open: AsyncDisposableStack;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  const registry = opening.use(await startRegistry());
  base = await pushDebianBase(registry.host, {
    python: true,
    as: "docker.io/acme/linked:1",
    above: [await makeLayer(linksAndPrivateDirectories)],
  });
  const project = opening.use(
    await createProject({
      mirror: registry.host,
      definition: definition(registry.host),
      files: {
        "src/main.py": "print('main')\n",
        "src/shop/__init__.py": "",
        "notes/today.txt": "today\n",
        "tool.sh": "#!/bin/sh\necho tool\n",
        "note.txt": "a note\n",
      },
      wheels: "wheels",
    }),
  );
  await chmod(join(project.folder, "tool.sh"), 0o755);
  await writeTinyWheels(join(project.folder, "wheels"), [{ name: "alpha", version: "1.0" }]);
  // Exports are built in the order of their names.
  [flytes = "", roots = ""] = await buildAll(project);
  engines = {
    "Docker's engine": opening.use(await startDockerEngine()),
    containerd: opening.use(await startContainerd()),
    "lamella run": lamellaEngine(project),
  };
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

function definition(host: string): string {
  return `import { Image } from "lamella";

const naming = { registry: "${host}/acme", pythonVersion: "3.11" };

export const roots = Image.fromBase("acme/linked:1", { ...naming, name: "roots" })
  .withPipPackages("alpha")
  .withSourceFolder("./src", "/app")
  .withSourceFolder("./notes", "/home/ada/notes")
  .withSourceFile("./tool.sh", "/bin/")
  .withSourceFile("./note.txt", "/drop/")
  .withSourceFile("./note.txt", "/tmp/");

export const flytes = Image.fromDebianBase({
  ...naming,
  name: "flytes",
  installFlyte: false,
  baseImage: "acme/linked:1",
})
  .withSourceFolder("./src", "/app")
  .withWorkdir("/app");
`;
}

/** Builds all images of a project; their references. */
async function buildAll(project: Project): Promise<string[]> {
  const { code, events, stderr } = await tryBuild(project);
  if (code !== 0) throw new Error(`lamella build ended with code ${code}:\n${stderr}`);
  return events.flatMap((event) => (event.kind === "finished" ? [event.result.uri] : []));
}

describe.each(engineNames)("%s shows", (name) => {
  test("the whole base as it was, and the files where its links lead", async () => {
    const engine = engines[name];
    await engine.pull(base);
    await engine.pull(roots);

    const before = await takeInventory(engine, base);
    const { added, changed, removed } = compareInventories(
      before,
      await takeInventory(engine, roots),
    );

    // What the base has, as it was put there: else it would be no wonder that it is still so.
    expect(before.get("/bin")).toBe("link to usr/bin");
    expect(before.get("/app")).toBe("link to /data/apps/current");
    expect(before.get("/home/ada")).toBe("directory 0700 1200:1200");
    expect(before.get("/data/opt")).toBe("directory 0750 1200:1200");
    expect(before.get("/drop")).toBe("directory 1777 0:0");
    expect(Object.fromEntries(changed)).toEqual({});
    expect(Object.fromEntries(removed)).toEqual({});
    expect(Object.fromEntries([...added].filter(([path]) => !isOfPackages(path)))).toEqual({
      "/data/apps/v1/main.py": `file 0644 0:0 ${hashOf("print('main')\n")}`,
      "/data/apps/v1/shop": "directory 0755 0:0",
      "/data/apps/v1/shop/__init__.py": `file 0644 0:0 ${hashOf("")}`,
      "/home/ada/notes": "directory 0755 0:0",
      "/home/ada/notes/today.txt": `file 0644 0:0 ${hashOf("today\n")}`,
      "/usr/bin/tool.sh": `file 0755 0:0 ${hashOf("#!/bin/sh\necho tool\n")}`,
      "/drop/note.txt": `file 0644 0:0 ${hashOf("a note\n")}`,
      "/tmp/note.txt": `file 0644 0:0 ${hashOf("a note\n")}`,
    });
    expect([...added.keys()].filter(isOfPackages)).toContain(
      "/data/opt/venv/lib/python3.11/site-packages/alpha.py",
    );
  });

  test("a shell that works, a tool on its path, the files by the names that they were given", async () => {
    const script = "tool.sh && cat /app/main.py /app/settings.txt && python -c 'import alpha'";
    expect(await engines[name].run(roots, ["sh", "-c", script])).toBe(
      "tool\nprint('main')\nthe base's\n",
    );
  });

  test("what is the user's who is added, and nothing else, as that user's", async () => {
    const engine = engines[name];
    await engine.pull(flytes);
    const owners = {
      "/app/": "drwx--s--x ada:ada",
      "/app/main.py": "-rw-r--r-- flyte:flyte",
      "/app/settings.txt": "-rw-r----- ada:ada",
      "/data": "drwxrwsr-x root:staff",
      "/data/apps": "drwxr-x--x ada:ada",
      "/data/opt": "drwxr-x--- ada:ada",
      "/drop": "drwxrwxrwt root:root",
      "/home": "drwxr-xr-x root:root",
      "/home/ada": "drwx------ ada:ada",
      "/home/flyte": "drwxr-xr-x flyte:flyte",
      "/root": "drwx------ flyte:flyte",
      "/root/.bashrc": "-rw-r--r-- root:root",
      "/tmp": "drwxrwxrwt root:root",
      "/usr/bin": "drwxr-xr-x root:root",
    };

    const script = `id && pwd && stat -c '%n %A %U:%G' ${Object.keys(owners).join(" ")}`;
    const listed = await engine.run(flytes, ["sh", "-c", script]);

    expect(listed.trim().split("\n")).toEqual([
      "uid=1201(flyte) gid=1201(flyte) groups=1201(flyte)",
      // As the kernel names it: behind the links.
      "/data/apps/v1",
      ...Object.entries(owners).map(([path, owner]) => `${path} ${owner}`),
    ]);
  });
});

function isOfPackages(path: string): boolean {
  return path.startsWith("/data/opt/venv");
}

function hashOf(text: string): string {
  return sha256(text).slice("sha256:".length);
}
