import { join } from "node:path";
import { type BuildEvent } from "../packages/lamella/src/engine/event.ts";
import type { BuildResult, LayerReport } from "../packages/lamella/src/engine/result.ts";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import type { RunningHttpServer } from "../packages/lamella/testing/http-server.ts";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import { directory, file, makeLayer } from "../packages/lamella/testing/made-base.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { startWheelIndex } from "../packages/lamella/testing/wheel-index.ts";
import { createProject, debianImage, type Project, type RunOptions, tryBuild } from "./project.ts";

/** A project with a lock, and all that its machines can ask. */
export interface CachedProject extends AsyncDisposable {
  readonly folder: string;
  /** Has the base, and takes the images. */
  readonly registry: RunningRegistry;
  /** Where packages come from. */
  readonly index: RunningHttpServer;
  readonly write: Project["write"];
  /** Writes the settings, with these of the cache, and `mirror` instead of the registry that has the base. */
  configure(
    cache: { readonly to?: string; readonly from?: readonly string[] },
    mirror?: string,
  ): Promise<void>;
  /** The project on a machine that has nothing but its folder; the same name, the same machine. */
  machine(name: string): Machine;
}

export type Machine = Pick<Project, "folder" | "store">;

/** Two tiny packages, a source file, and a base whose layers must be read to know what is in them. */
export async function createCachedProject(): Promise<CachedProject> {
  await using making = new AsyncDisposableStack();
  // The base carries an outline, which does not fit with a layer above.
  const above = await makeLayer([directory("etc"), file("etc/made-by", "a test\n")]);
  const registry = making.use(await startMirror({ above: [above] }));
  const project = making.use(
    await createProject({
      mirror: registry.host,
      definition: imageFor(registry.host, "app"),
      files: { "src/main.py": "print('first')\n" },
    }),
  );
  const { folder } = project;
  const write: Project["write"] = (path, content) => project.write(path, content);
  const wheels = join(folder, "wheels");
  await writeTinyWheels(wheels, [
    { name: "alpha", version: "1.0" },
    { name: "beta", version: "1.0" },
  ]);
  const index = making.use(await startWheelIndex(wheels));
  const configure: CachedProject["configure"] = (cache, mirror = registry.host) => {
    const registries = { "docker.io": { mirror } };
    const python = { indexUrl: `${index.origin}/simple/` };
    return write("config.yaml", JSON.stringify({ lamella: { registries, python, cache } }));
  };
  await configure({});
  await lock({ folder, store: project.store });
  const made = making.move();
  return {
    folder,
    registry,
    index,
    write,
    configure,
    machine: (name) => ({ folder, store: join(folder, "..", name) }),
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/** The definition of an image of this name in a registry. */
export function imageFor(registry: string, name: string, ...packages: readonly string[]): string {
  const names = ["alpha", "beta", ...packages].map((one) => JSON.stringify(one));
  return debianImage(
    registry,
    name,
    `withPipPackages(${names.join(", ")})`,
    'withSourceFolder("./src", "/app")',
    'withWorkdir("/app")',
  );
}

/** Locks the project's image. */
export async function lock({ folder, store }: Machine): Promise<void> {
  const { code, stderr } = await lamella(["lock", "image.ts"], {
    cwd: folder,
    env: { LAMELLA_HOME: store },
  });
  if (code !== 0) throw new Error(stderr);
}

/** A finished build with what it said on the way. */
export interface WatchedBuild {
  readonly result: BuildResult;
  /** Its codes. */
  readonly warnings: readonly string[];
  readonly events: readonly BuildEvent[];
}

/** A build that must succeed. */
export async function watchedBuild(
  machine: Machine,
  args: readonly string[],
  options?: RunOptions,
): Promise<WatchedBuild> {
  const { code, events, stderr } = await tryBuild(machine, args, options);
  const last = events.at(-1);
  if (code !== 0 || last?.kind !== "finished") {
    throw new Error(`lamella build ended with code ${code}:\n${stderr}`);
  }
  const warnings = events.flatMap((event) => (event.kind === "warning" ? [event.code] : []));
  return { result: last.result, warnings, events };
}

/** The layers of an image, the base's too. */
export function layersOf({ platforms }: BuildResult): readonly LayerReport[] {
  return platforms.flatMap(({ layers }) => layers);
}

/** Titles of the layers that a build made itself. */
export function builtLayers(result: BuildResult): readonly string[] {
  return layersOf(result)
    .filter(({ source }) => source === "built")
    .map(({ title }) => title);
}
