import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmod,
  glob,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
} from "node:fs/promises";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { build } from "rolldown";
import { replaceFile } from "./src/files/replace-file.ts";

/*
 * Builds the package into a folder of its own, `dist/HASH`, named after its content; the modules that users import
 * (`dist/cli.js`, `dist/index.js` …) name that folder and nothing else. So a `lamella` that runs meanwhile finds the
 * chunks and workers that it has yet to load as they were when it started, and the same sources build nothing new.
 *
 *   node build.ts             keeps builds that were in use during the last hour
 *   node build.ts --package   keeps only the new one: what is published
 */

/** Modules of a build that others import by a fixed name. */
const entries = ["cli", "index", "oci", "registry", "engine"];

/** How long a build that is no longer the newest is kept, in milliseconds: some process may still run it. */
const retention = 60 * 60 * 1000;

const run = promisify(execFile);
const { values } = parseArgs({ options: { package: { type: "boolean", default: false } } });
process.chdir(import.meta.dirname);
await mkdir("dist", { recursive: true });
const fresh = await mkdtemp("dist/.new-");
// Made for its maker's eyes alone.
await chmod(fresh, 0o755);
try {
  await bundle(fresh);
  await run("tsc", ["--project", "tsconfig.json", "--outDir", join(fresh, "types")]);
  const name = await contentHash(fresh);
  await keep(name);
  for (const entry of entries) await pointTo(name, entry);
  await removeBuildsBut(name, values.package ? 0 : retention);
} finally {
  await rm(fresh, { recursive: true, force: true });
}

/**
 * One bundle for the CLI and the library, dependencies included: starting is mostly the finding and compiling of
 * files. All of it lies flat in one folder, so that modules find each other and their workers beside themselves
 * (`import.meta.url`). Names and lines are kept: a stack trace can be read, and no source maps are shipped.
 */
async function bundle(folder: string): Promise<void> {
  await build({
    input: {
      index: "src/index.ts",
      cli: "src/cli/bin.ts",
      oci: "src/oci/index.ts",
      registry: "src/registry/index.ts",
      engine: "src/engine/index.ts",
      "layer-worker": "src/engine/materialize/layer-worker.ts",
      "rootless-worker": "src/execution/rootless-worker.ts",
    },
    platform: "node",
    // The oldest Node that is supported: it does not know `using`.
    transform: { target: "node22.18" },
    output: {
      dir: folder,
      chunkFileNames: "chunk-[name].js",
      // What every definition loads is one chunk: each more costs half a millisecond whenever a command starts.
      codeSplitting: {
        includeDependenciesRecursively: true,
        groups: [{ name: "definition", test: /\/src\/index\.ts$/ }],
      },
      comments: { legal: true },
      minify: "dce-only",
    },
  });
}

/** Over the names and contents of all files below a folder. */
async function contentHash(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const found = await Array.fromAsync(glob("**/*.{js,ts}", { cwd: folder }));
  for (const path of found.sort()) {
    const content = await readFile(join(folder, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}

/** Gives the fresh build its name, unless the same is there from before. */
async function keep(name: string): Promise<void> {
  const previous = /\.\/([0-9a-f]{16})\//.exec(
    await readFile("dist/cli.js", "utf8").catch(() => ""),
  );
  await rename(fresh, join("dist", name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
  // The one that is retired now counts its hour from here.
  if (previous?.[1]) await touch(join("dist", previous[1]));
  await touch(join("dist", name));
}

async function pointTo(name: string, entry: string): Promise<void> {
  const isModule = entry !== "cli";
  const text = isModule
    ? `export * from "./${name}/${entry}.js";\n`
    : `import "./${name}/cli.js";\n`;
  await replaceFile(`dist/${entry}.js`, text);
  if (!isModule) return;
  const types = entry === "index" ? "index" : `${entry}/index`;
  await replaceFile(`dist/${entry}.d.ts`, `export * from "./${name}/types/${types}.js";\n`);
}

async function touch(folder: string): Promise<void> {
  const now = new Date();
  await utimes(folder, now, now).catch(() => {});
}

/** Removes builds, and what is left of interrupted ones and of older ways to build, that are older than `age` milliseconds. */
async function removeBuildsBut(name: string, age: number): Promise<void> {
  const used = new Set([name, ...entries.flatMap((entry) => [`${entry}.js`, `${entry}.d.ts`])]);
  for (const other of await readdir("dist")) {
    if (used.has(other)) continue;
    const path = join("dist", other);
    // Another build may be at work, and be done with the file by now.
    const { mtimeMs } = (await stat(path).catch(() => undefined)) ?? { mtimeMs: Infinity };
    if (Date.now() - mtimeMs >= age) await rm(path, { recursive: true, force: true });
  }
}
