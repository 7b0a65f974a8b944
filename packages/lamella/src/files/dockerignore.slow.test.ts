import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BuildkitContext, startBuildkitContext } from "../../testing/buildkit-context.ts";
import { dockerignoreRules } from "./dockerignore.ts";
import type { IgnoreRules } from "./ignore.ts";
import { runToEnd } from "./sliced-work.ts";
import { walk } from "./walk.ts";

// The oracle: BuildKit's own library, which every `docker build` of today reads its context with.
const buildkit = await startBuildkitContext();
const oracle = buildkit as BuildkitContext;

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "lamella-dockerignore-"));
});
afterAll(async () => {
  await buildkit?.[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

const name = fc.constantFrom("a", "b", "ab", "a.c", "b]", "é", "#a", "a b", "!a", "+a", "^a", "a$");
const filePath = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
const tree = fc.uniqueArray(filePath, { minLength: 1, maxLength: 12 });

const special = fc.constantFrom("*", "**", "?", "a*", "**a", "*a*", "[ab]", "[^a]*", "[*]", "[a?]");
const odd = fc.constantFrom("..", ".", "", "\\*", "\\+a", "***", "****", "**b?", "\\#a");
const segment = fc.oneof({ weight: 5, arbitrary: name }, { weight: 4, arbitrary: special }, odd);
const pattern = fc
  .record({
    before: fc.constantFrom("", "", "", "", "!", "!", "/", "!/", " ", "! ", "#", "./"),
    segments: fc.array(segment, { minLength: 1, maxLength: 4 }),
    after: fc.constantFrom("", "", "", "/", " ", "\t", "\r"),
  })
  .map(({ before, segments, after }) => before + segments.join("/") + after);
const patterns = fc.array(pattern, { minLength: 1, maxLength: 6 });

test.skipIf(!buildkit)("1000 random files leave of random trees what BuildKit leaves", async () => {
  let number = 0;
  const check = fc.asyncProperty(tree, patterns, async (files, lines) => {
    const folder = join(scratch, `${number++}`);
    const context = join(folder, "context");
    for (const file of files) await writeTree(context, file);
    await writeFile(join(folder, "dockerignore"), lines.join("\n"));
    const { paths, error } = await oracle.sent(context);
    const ours = kept(context, lines.join("\n"));
    expect(ours).toEqual(error === undefined ? [...paths].sort() : "refused");
    await rm(folder, { recursive: true });
  });
  await fc.assert(check, { numRuns: 1000 });
});

/** Writes a file, unless there is a file on the way to it or a folder at its place. */
async function writeTree(root: string, file: string): Promise<void> {
  try {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), "");
  } catch (error) {
    if (!/^(EEXIST|ENOTDIR|EISDIR)$/.test((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

function kept(root: string, text: string): readonly string[] | "refused" {
  let ignore: IgnoreRules;
  try {
    ignore = dockerignoreRules(text, ".dockerignore");
  } catch {
    return "refused";
  }
  const found = runToEnd(walk(root, ignore));
  return found.map(({ kind, path }) => (kind === "directory" ? `${path}/` : path)).sort();
}
