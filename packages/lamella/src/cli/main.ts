import { run } from "@stricli/core";
import { createApplication } from "./application.ts";
import type { CliContext } from "./context.ts";
import { exitCode } from "./exit-code.ts";
import { watchInterruptions } from "./interruption.ts";
import { drained, ignoreBrokenPipe } from "./terminal/output.ts";
import { painter, wantsColor } from "./terminal/paint.ts";

/** Runs the command line of `process`, and ends the process when all is written. */
export async function main(process: NodeJS.Process): Promise<void> {
  const { env, stdout, stderr } = process;
  ignoreBrokenPipe(stdout);
  ignoreBrokenPipe(stderr);
  const inputs = process.argv.slice(2);
  const paint = painter(wantsColor(stderr, env));
  const application = createApplication(inputs, { paint, debug: wantsDebug(inputs) });

  const interruptions = watchInterruptions(process);
  let own: number | undefined;
  const context: CliContext = {
    process: { stdout, stderr, env },
    cwd: process.cwd(),
    env,
    signal: interruptions.signal,
    interruptions,
    exitWith: (code) => {
      own = code;
    },
  };
  await run(application, inputs, context);
  const code = own ?? scannerCode(context.process.exitCode);
  await Promise.all([drained(stdout), drained(stderr)]);
  // Not left to the event loop: a definition file may have started what never ends.
  process.exit(code);
}

/** Errors of the command line have negative codes in Stricli. */
function scannerCode(code: CliContext["process"]["exitCode"]): number {
  if (typeof code !== "number") return exitCode.success;
  return code < 0 ? exitCode.usage : code;
}

/** Known before the command line is parsed, since errors may come of that too. */
function wantsDebug(inputs: readonly string[]): boolean {
  const end = inputs.indexOf("--");
  return inputs.slice(0, end < 0 ? undefined : end).includes("--debug");
}
