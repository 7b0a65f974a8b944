import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { lamellaCli } from "../packages/lamella/testing/lamella.ts";
import { peakMemory } from "../packages/lamella/testing/peak-memory.ts";
import { pushBase } from "./base.ts";
import { makeScratchFolder } from "./scratch-folder.ts";
import { pythonVersion } from "./workload.ts";

// Builds torch as the machine's package index gives it, some 3 GB on x86-64, with an empty store and into an empty registry, and
// says how much memory `lamella build` took at most. What it starts (uv, Python that compiles) is not counted.

/** In bytes. */
const wanted = 300_000_000;

await using scratch = await makeScratchFolder();
await using registry = await startRegistry();
await pushBase(registry.host);
const project = await scratch.folder("project");
const options = { pythonVersion, installFlyte: false, registry: registry.host, name: "torch" };
await writeFile(
  join(project, "image.ts"),
  `import { Image } from "lamella";
export default Image.fromDebianBase(${JSON.stringify(options)}).withPipPackages("torch");
`,
);
const registries = { "docker.io": { mirror: registry.host } };
await writeFile(join(project, "config.yaml"), JSON.stringify({ lamella: { registries } }));

const began = performance.now();
const child = spawn(process.execPath, [lamellaCli, "build", "image.ts", "--progress", "plain"], {
  cwd: project,
  env: { ...process.env, LAMELLA_HOME: join(scratch.path, "store") },
  stdio: ["ignore", "ignore", "inherit"],
});
const [peak] = await Promise.all([peakMemory(child), once(child, "exit")]);
const seconds = (performance.now() - began) / 1000;
if (child.exitCode === 0) {
  console.log(
    `torch: ${seconds.toFixed(1)} s, at most ${Math.round(peak / 1e6)} MB resident (wanted: less than ${wanted / 1e6})`,
  );
}
process.exitCode = child.exitCode === 0 && peak < wanted ? 0 : 1;
