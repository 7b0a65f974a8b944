import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BuildResult } from "../packages/lamella/src/engine/result.ts";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import { type RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import type { RunningHttpServer } from "../packages/lamella/testing/http-server.ts";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import { directory, file, makeLayer } from "../packages/lamella/testing/made-base.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { startWheelIndex } from "../packages/lamella/testing/wheel-index.ts";
import { build, createProject, debianImage, type Project } from "./project.ts";
import { withTraffic } from "./registry-traffic.ts";

// A cache in a registry, and machines whose stores are empty. What travels is read from the registries' own access logs.

let registry: RunningRegistry;
let index: RunningHttpServer;
let project: Project;
let open: AsyncDisposableStack;

beforeEach(async () => {
  await using opening = new AsyncDisposableStack();
  // The base carries an outline, which does not fit with a layer above: without a cache the layers must be read.
  const above = await makeLayer([directory("etc"), file("etc/made-by", "a test\n")]);
  registry = opening.use(await startMirror({ above: [above] }));
  project = opening.use(
    await createProject({
      mirror: registry.host,
      definition: imageNamed("app"),
      files: { "src/main.py": "print('first')\n" },
    }),
  );
  const wheels = join(project.folder, "wheels");
  await writeTinyWheels(wheels, [
    { name: "alpha", version: "1.0" },
    { name: "beta", version: "1.0" },
  ]);
  index = opening.use(await startWheelIndex(wheels));
  await configure();
  open = opening.move();
});
afterEach(() => open.disposeAsync());

function imageNamed(name: string, target = registry.host, ...packages: string[]): string {
  const names = ["alpha", "beta", ...packages].map((one) => JSON.stringify(one));
  return debianImage(
    target,
    name,
    `withPipPackages(${names.join(", ")})`,
    'withSourceFolder("./src", "/app")',
    'withWorkdir("/app")',
  );
}

/** Writes the settings, with these of the cache. */
function configure(
  cache: { readonly to?: string; readonly from?: readonly string[] } = {},
): Promise<void> {
  const registries = { "docker.io": { mirror: registry.host } };
  const python = { indexUrl: `${index.origin}/simple/` };
  return project.write("config.yaml", JSON.stringify({ lamella: { registries, python, cache } }));
}

/** The project on a machine that has nothing but its folder. */
function elsewhere(name: string): Pick<Project, "folder" | "store"> {
  return { folder: project.folder, store: join(project.folder, "..", name) };
}

async function lock(): Promise<void> {
  const env = { LAMELLA_HOME: project.store };
  const { code, stderr } = await lamella(["lock", "image.ts"], { cwd: project.folder, env });
  if (code !== 0) throw new Error(stderr);
}

function layersOf({
  platforms,
}: BuildResult): { readonly title: string; readonly digest: string; readonly source: string }[] {
  return platforms.flatMap(({ layers }) => [...layers]);
}

describe("a fresh machine", () => {
  test("with a cache and one source file changed uploads its layer and the documents, and asks no index", async () => {
    const cache = `${registry.host}/app:cache`;
    await lock();
    await build(project, ["--cache-to", cache]);
    await project.write("src/main.py", "print('second')\n");
    const asked = index.requests.length;

    const { result, ...traffic } = await withTraffic(registry, () =>
      build(elsewhere("fresh"), ["--locked", "--cache-from", cache]),
    );

    expect(index.requests.slice(asked)).toEqual([]);
    const built = layersOf(result).filter(({ source }) => source === "built");
    expect(built.map(({ title }) => title)).toEqual(["files in /app"]);
    expect(traffic.uploads).toHaveLength(2);
    expect(traffic.uploads).toContain(built[0]?.digest);
    const layers = new Set(layersOf(result).map(({ digest }) => digest));
    expect(traffic.downloads.filter((digest) => layers.has(digest))).toEqual([]);
    // The base's config and the cache's document.
    expect(traffic.downloads).toHaveLength(2);
    expect(traffic.manifests).toHaveLength(1);
  });
});
