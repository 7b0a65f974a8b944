import { writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { BuildEvent } from "../packages/lamella/src/engine/event.ts";
import type { BuildResult } from "../packages/lamella/src/engine/result.ts";
import { BenchError } from "./bench-error.ts";
import type { Contender, Ground } from "./contender.ts";
import { run } from "./process.ts";
import { pythonVersion } from "./workload.ts";

/** The built command, as users run it. */
const cli = join(import.meta.dirname, "../packages/lamella/dist/cli.js");

export interface LamellaOptions {
  /** Has what the base holds read beforehand. */
  readonly baseKnown: boolean;
}

/** Lamella with an empty store. */
export async function startLamella(ground: Ground, options: LamellaOptions): Promise<Contender> {
  const { folder, project, registry, wheels, tools, signal } = ground;
  await writeFile(join(project, "config.yaml"), settings(registry, wheels));
  const cache = `${registry}/bench/cache:main`;
  let store = join(folder, "store");
  let fromCache: readonly string[] = [];
  const lamella = (...args: readonly string[]): ReturnType<typeof run> => {
    const PATH = [tools, process.env["PATH"]].join(delimiter);
    const env = { ...process.env, LAMELLA_HOME: store, PATH };
    return run(process.execPath, [cli, ...args], { cwd: project, env, signal });
  };

  const file = join(project, "image.ts");
  if (options.baseKnown) {
    await writeFile(file, definition(registry, []));
    await lamella("plan", file);
  }
  return {
    name: "lamella",
    build: async (packages) => {
      await writeFile(file, definition(registry, packages));
      const { seconds, stdout } = await lamella("build", file, "--progress", "json", ...fromCache);
      const events = parseEvents(stdout);
      const { uri } = resultOf(events);
      return { seconds, events, forDocker: () => Promise.resolve(uri) };
    },
    moveToFreshMachine: async (packages, order) => {
      await writeFile(file, definition(registry, packages));
      await lamella("lock", file);
      await lamella("build", file, "--force", "--cache-to", cache);
      store = join(folder, `store-${order}`);
      fromCache = ["--locked", "--cache-from", cache];
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function settings(registry: string, wheels: string): string {
  // JSON is YAML.
  return JSON.stringify({
    lamella: {
      registries: { "docker.io": { mirror: registry } },
      python: { findLinks: [wheels], noIndex: true },
    },
  });
}

function definition(registry: string, packages: readonly string[]): string {
  const options = { pythonVersion, installFlyte: false, registry, name: "bench/image" };
  const python =
    packages.length === 0
      ? ""
      : `\n  .withPipPackages(${packages.map((name) => JSON.stringify(name)).join(", ")})`;
  return `import { Image } from "lamella";

export default Image.fromDebianBase(${JSON.stringify(options)})${python}
  .withSourceFolder("./src", "/app")
  .withWorkdir("/app");
`;
}

/** A line of JSON for each event. */
function parseEvents(stdout: string): BuildEvent[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as BuildEvent);
}

function resultOf(events: readonly BuildEvent[]): BuildResult {
  const last = events.at(-1);
  if (last?.kind === "finished") return last.result;
  throw new BenchError(`Lamella ended with ${JSON.stringify(last)}.`);
}
