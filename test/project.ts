import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BuildEvent } from "../packages/lamella/src/engine/event.ts";
import type { BuildResult } from "../packages/lamella/src/engine/result.ts";
import {
  type LamellaOptions,
  lamella,
  temporaryFolder,
} from "../packages/lamella/testing/lamella.ts";

export interface ProjectOptions {
  /** Registry that stands in for docker.io. */
  readonly mirror: string;
  /** The text of `image.ts`. */
  readonly definition: string;
  /** Texts by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Folder of wheels below the project, which is then all that packages come from; else the machine's own index. */
  readonly wheels?: string;
  /** Package index, instead of the machine's own. */
  readonly indexUrl?: string;
}

/** A folder as a user has it: a definition, its files, settings; and a store of its own. */
export interface Project extends AsyncDisposable {
  readonly folder: string;
  /** `LAMELLA_HOME`; nothing is there before the first build. */
  readonly store: string;
  /** Writes a file, with the folders that lead to it. */
  write(path: string, content: string | Uint8Array): Promise<void>;
}

/** Makes a project in a temporary folder, which goes with the returned object. */
export async function createProject(options: ProjectOptions): Promise<Project> {
  await using making = new AsyncDisposableStack();
  const { path } = making.use(await temporaryFolder("lamella-project-"));
  const folder = join(path, "project");
  const write: Project["write"] = async (name, content) => {
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  };
  await write("config.yaml", settings(options));
  await write("image.ts", options.definition);
  for (const [name, text] of Object.entries(options.files ?? {})) await write(name, text);
  const made = making.move();
  return {
    folder,
    store: join(path, "store"),
    write,
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/** The text of a definition on the Debian base, with the calls that follow: `withPipPackages("six")`. */
export function debianImage(registry: string, name: string, ...calls: readonly string[]): string {
  const options = { pythonVersion: "3.11", installFlyte: false, registry, name };
  const image = [`Image.fromDebianBase(${JSON.stringify(options)})`, ...calls].join("\n  .");
  return `import { Image } from "lamella";\nexport default ${image};\n`;
}

/** `config.yaml`. JSON is YAML. */
export function settings({
  mirror,
  wheels,
  indexUrl,
}: Pick<ProjectOptions, "mirror" | "wheels" | "indexUrl">): string {
  const folder = wheels === undefined ? {} : { findLinks: [wheels], noIndex: true };
  const python = { ...folder, ...(indexUrl !== undefined && { indexUrl }) };
  return JSON.stringify({ lamella: { registries: { "docker.io": { mirror } }, python } });
}

/** How the command is started, beside where. */
export type RunOptions = Omit<LamellaOptions, "cwd">;

/** A build that was tried. */
export interface BuildAttempt {
  readonly code: number | null;
  readonly events: readonly BuildEvent[];
  readonly stderr: string;
}

/** Runs `lamella build image.ts` to its end, however that is. */
export async function tryBuild(
  { folder, store }: Pick<Project, "folder" | "store">,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<BuildAttempt> {
  const { code, stdout, stderr } = await lamella(
    ["build", "image.ts", "--progress", "json", ...args],
    { ...options, cwd: folder, env: { LAMELLA_HOME: store, ...options.env } },
  );
  const lines = stdout.split("\n").filter((line) => line !== "");
  return { code, stderr, events: lines.map((line) => JSON.parse(line) as BuildEvent) };
}

/** {@link tryBuild}, which must succeed. */
export async function build(
  project: Pick<Project, "folder" | "store">,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<BuildResult> {
  const { code, events, stderr } = await tryBuild(project, args, options);
  const last = events.at(-1);
  if (code !== 0 || last?.kind !== "finished") {
    throw new Error(`lamella build ended with code ${code}:\n${stderr}`);
  }
  return last.result;
}

/** Writes Lamella's own lock of a project's image, builds by it alone, and takes it away again. The image's name in the registry. */
export async function buildByLock(project: Project, name: string): Promise<string> {
  const env = { LAMELLA_HOME: project.store };
  const lock = await lamella(["lock", "image.ts"], { cwd: project.folder, env });
  if (lock.code !== 0)
    throw new Error(`lamella lock ended with code ${lock.code}:\n${lock.stderr}`);
  const { uri } = await build(project, ["--locked", "--force"]);
  await rm(join(project.folder, `pylock.${name}.toml`));
  return uri;
}

/** Takes all blobs out of a project's store, and leaves what it remembers. */
export async function removeBlobs({ store }: Project): Promise<void> {
  await rm(join(store, "blobs"), { recursive: true });
}
