import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { output } from "./daemon.ts";

/** What BuildKit's client sends of a build context. Paths of folders end in `/`. */
export interface SentContext {
  readonly paths: readonly string[];
  /** Why it sends nothing. */
  readonly error?: string;
}

/** Tells what BuildKit sends of a folder, under the rules of the file `dockerignore` beside the folder. */
export interface BuildkitContext extends AsyncDisposable {
  sent(folder: string): Promise<SentContext>;
}

const program = join(import.meta.dirname, "buildkit-context");

/** BuildKit's own library, in a small program that is built from its Go modules. `undefined` where there is no Go. */
export async function startBuildkitContext(): Promise<BuildkitContext | undefined> {
  const hasGo = await output("go", ["version"]).catch(() => undefined);
  if (hasGo === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "lamella-buildkit-context-"));
  const binary = join(folder, "buildkit-context");
  await output("go", ["build", "-C", program, "-o", binary, "."]);
  const child = spawn(binary, { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    sent: async (root) => {
      child.stdin.write(`${root}\n`);
      const { value } = await answers.next();
      return JSON.parse(value as string) as SentContext;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await rm(folder, { recursive: true });
    },
  };
}
