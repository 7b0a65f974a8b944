import { resolve } from "node:path";
import { withOptions } from "../../builders/with-options.ts";
import { type DiffOperand, diffImages } from "../../engine/diff/diff-images.ts";
import type { BuildEvent } from "../../engine/event.ts";
import { Journal } from "../../engine/journal.ts";
import { openSession } from "../../engine/session.ts";
import { isDigest } from "../../files/digest.ts";
import { machinePlatform, type Platform } from "../../image/platform.ts";
import { type ExecutionFlags, executionOptions } from "../commands/execution-flags.ts";
import type { CommonFlags, PlanningFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { parseImageArgument } from "../definition/image-argument.ts";
import { shownImage } from "../definition/named-image.ts";
import { diffLines } from "../diff/diff-lines.ts";
import { paintLine } from "../terminal/line.ts";
import { painter, wantsColor } from "../terminal/paint.ts";
import { loadSettings } from "./settings.ts";
import { showTasks } from "./show-tasks.ts";

export interface DiffFlags extends CommonFlags, ExecutionFlags {
  readonly cacheFrom?: PlanningFlags["cacheFrom"];
  readonly platform?: Platform;
  readonly json?: boolean;
}

/** `lamella diff`: how the second image differs from the first. */
export async function diffAction(
  this: CliContext,
  flags: DiffFlags,
  before: string,
  after: string,
): Promise<void> {
  const { env, signal, process } = this;
  const settings = await loadSettings(this, flags.config);
  // What is built for a comparison is nothing that others should get.
  const { to: _, ...cache } = settings.cache;
  const options = {
    ...executionOptions(flags, this.cwd),
    ...(flags.cacheFrom && { cacheFrom: flags.cacheFrom }),
  };
  const config = withOptions({ ...settings, cache }, options);
  const { secrets = [] } = options;
  const operands = [await parseOperand(before, this), await parseOperand(after, this)] as const;
  let show: ((event: BuildEvent) => void) | undefined;
  const journal = new Journal((event) => show?.(event));
  await using session = await openSession(config, env, journal, signal);
  const diff = await showTasks(this, undefined, async (emit) => {
    show = emit;
    const platform = flags.platform ?? machinePlatform();
    return diffImages(operands, { platform, secrets }, session);
  });
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(diff, undefined, 2)}\n`);
    return;
  }
  const paint = painter(wantsColor(process.stdout, env));
  for (const line of diffLines(diff)) process.stdout.write(`${paintLine(line, paint)}\n`);
}

async function parseOperand(text: string, context: CliContext): Promise<DiffOperand> {
  const layout = /^oci:(.+?)(?::([^:/]+))?$/s.exec(text);
  if (layout) {
    const [, path = "", refName] = layout;
    const named = refName === undefined ? {} : { refName };
    return { kind: "layout", name: text, path: resolve(context.cwd, path), ...named };
  }
  if (isDigest(text)) return { kind: "digest", name: text };
  const found = await parseImageArgument(text, context);
  if (found.kind === "reference") return { kind: "reference", name: found.uri };
  const { file, exported } = found;
  const { definition } = exported.image;
  return { kind: "definition", name: shownImage(file, exported), definition };
}
