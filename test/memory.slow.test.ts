import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import { startLamella, temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { peakMemory } from "../packages/lamella/testing/peak-memory.ts";
import { startWheelIndex } from "../packages/lamella/testing/wheel-index.ts";
import { writeWheel } from "../packages/lamella/testing/wheel-writer.ts";
import { createProject, debianImage } from "./project.ts";

// The bound is the one that `npm run bench:memory` holds a build of torch to, 3 GB of wheels.

const bound = 300_000_000;
const names = Array.from({ length: 8 }, (_, index) => `large${index}`);

/** A wheel with one large file, half of it noise, and many sources. */
async function writeLargeWheel(folder: string, name: string): Promise<void> {
  const noise = randomBytes(20_000_000);
  const sources = Array.from({ length: 500 }, (_, index) => {
    const functions = Array.from(
      { length: 40 },
      (_x, at) => `def f${at}(x):\n    return x + ${index * at}\n`,
    );
    return [`${name}/part${index}.py`, functions.join("")] as const;
  });
  await writeWheel(folder, {
    name,
    files: {
      [`${name}/library.so`]: Buffer.concat([noise, Buffer.alloc(40_000_000, "large"), noise]),
      ...Object.fromEntries(sources),
    },
  });
}

test("a build that downloads, compiles and pushes hundreds of megabytes stays below 300 MB", async () => {
  await using registry = await startMirror();
  await using wheels = await temporaryFolder("lamella-large-");
  for (const name of names) await writeLargeWheel(wheels.path, name);
  await using index = await startWheelIndex(wheels.path);
  await using project = await createProject({
    mirror: registry.host,
    definition: debianImage(
      registry.host,
      "large",
      `withPipPackages(${names.map((name) => JSON.stringify(name)).join(", ")})`,
    ),
    indexUrl: `${index.origin}/simple/`,
  });

  const child = startLamella(["build", "image.ts", "--progress", "quiet"], {
    cwd: project.folder,
    env: { LAMELLA_HOME: project.store },
  });
  child.stdout?.resume();
  const [peak, stderr] = await Promise.all([
    peakMemory(child),
    child.stderr && text(child.stderr),
    once(child, "exit"),
  ]);

  expect(child.exitCode, stderr ?? "").toBe(0);
  expect(peak).toBeGreaterThan(50_000_000);
  expect(peak).toBeLessThan(bound);
});
