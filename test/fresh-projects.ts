import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { hostPrograms } from "../packages/lamella/src/execution/testdata/host-programs.ts";
import { temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { file, type MadeEntry, makeLayer, symlink } from "../packages/lamella/testing/made-base.ts";
import { pushMadeImage } from "../packages/lamella/testing/made-image.ts";
import {
  type Interference,
  startRegistryProxy,
} from "../packages/lamella/testing/registry-proxy.ts";
import { startWheelIndex } from "../packages/lamella/testing/wheel-index.ts";
import { writeWheel } from "../packages/lamella/testing/wheel-writer.ts";
import { createProject, type Project } from "./project.ts";

/** Makes projects of which each has work for every stage of a build, whatever was built before. */
export interface FreshProjects extends AsyncDisposable {
  /** Writes a project with a source file and a package that nobody has seen before. */
  next(options?: FreshProjectOptions): Promise<Project>;
}

export interface FreshProjectOptions {
  /** The package resolves, and cannot be made a layer. */
  readonly broken?: boolean;
  /** There is a second package, with a file of the same name: that is worth a warning. */
  readonly contested?: boolean;
}

/** As much of a system as a build looks at. */
const system = [
  file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
  file("usr/bin/python3.11", "\x003.11.2\x00"),
  symlink("usr/bin/python3", "python3.11"),
  file("lib64/libc.so.6", "GNU C Library (Debian GLIBC) stable release version 2.36."),
];

/** A few programs, and a file to remove. */
async function runnable(): Promise<MadeEntry[]> {
  const programs = await hostPrograms(["dd", "mkdir", "rm", "setsid", "sh", "sleep"]);
  return [
    ...programs.map(({ path, mode = 0o755, bytes = "" }) => file(path, bytes, { mode })),
    file("etc/removed/file", "x"),
  ];
}

/** What an installation does, in a few tenths of a second: files come and go, and something stays in the background. */
function commandsOf(version: number): readonly string[] {
  return [
    `set -e; for i in 1 2 3 4; do mkdir -p /first/$i; echo ${version} > /first/$i/x; echo $i; sleep 0.05; done; rm -r /etc/removed`,
    "set -e; (setsid sh -c 'sleep 600; echo late > /late' > /dev/null 2>&1 &); echo begun; sleep 0.1; rm -r /first/1; mkdir /first/1",
  ];
}

export interface FreshProjectsOptions {
  /** Whether programs can run, and the images have two commands; a project has them in `commands.json`. */
  readonly executes?: boolean;
  /** What is done to requests for packages. */
  readonly index?: Interference;
}

/** The images are called `name`, in a registry on loopback, which gets a small base for them. */
export async function freshProjects(
  registry: string,
  name: string,
  { executes = false, index: interference = {} }: FreshProjectsOptions = {},
): Promise<FreshProjects> {
  await using making = new AsyncDisposableStack();
  const base = [...system, ...(executes ? await runnable() : [])];
  await pushMadeImage(registry, "base", [await makeLayer(base)]);
  const { path: wheels } = making.use(await temporaryFolder("lamella-wheels-"));
  // Downloads take a while, so that they can be met under way.
  const index = making.use(await startWheelIndex(wheels, { pause: 15 }));
  const { origin } = making.use(await startRegistryProxy(index.host, interference));
  const indexUrl = `${origin}/simple/`;
  await writeWheel(wheels, { name: "small", files: { "contested.py": "small = 1\n" } });
  let version = 0;
  const made = making.move();
  return {
    async next({ broken = false, contested = false } = {}) {
      const number = ++version;
      const wheel = await writeLargeWheel(wheels, number, broken);
      const packages = [`large==${number}`, ...(contested ? ["small"] : [])];
      const project = await createProject({
        mirror: registry,
        indexUrl,
        definition: definition(registry, name),
        files: {
          "packages.json": JSON.stringify(packages),
          "commands.json": JSON.stringify(executes ? commandsOf(number) : []),
          "src/main.py": `print(${number})\n`,
        },
      });
      return {
        ...project,
        async [Symbol.asyncDispose]() {
          await project[Symbol.asyncDispose]();
          await rm(wheel);
        },
      };
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/** A wheel with more sources than are compiled at once, and more data than is sent at once. */
async function writeLargeWheel(folder: string, version: number, broken: boolean): Promise<string> {
  const modules = Array.from({ length: 66 }, (_, index) => [
    `large/module${index}.py`,
    `def function(argument=${index}):\n    return [argument, ${version}]\n`,
  ]);
  return await writeWheel(folder, {
    name: "large",
    version: `${version}`,
    files: {
      ...Object.fromEntries(modules),
      "contested.py": "large = 1\n",
      "large/data.bin": randomBytes(320 * 1024),
    },
    ...(broken && { metadata: { WHEEL: undefined } }),
  });
}

/** The same text for all projects: Node takes longer to strip the types of a new one than to do what it says. */
function definition(registry: string, name: string): string {
  return `import { readFileSync } from "node:fs";
import { Image } from "lamella";
const read = (name: string): string[] => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
const commands = read("commands.json");
const image = Image.fromBase("${registry}/base:1", { registry: "${registry}", name: "${name}" })
  .withPipPackages(...read("packages.json"));
export default (commands.length > 0 ? image.withCommands(...commands) : image)
  .withSourceFolder("./src", "/app");
`;
}
