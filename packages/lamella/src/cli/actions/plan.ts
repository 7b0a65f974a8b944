import type { BuildEvent } from "../../engine/event.ts";
import { type CommonFlags, type PlanningFlags, planningOptions } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { loadDefinition, parseDefinitionArgument } from "../definition/load-definition.ts";
import { definitionSource, inNameOf, shownImage } from "../definition/named-image.ts";
import { errorReport } from "../error-report.ts";
import { planImage } from "../plan/plan-image.ts";
import { planLines } from "../plan/plan-lines.ts";
import type { PlanRecord } from "../plan/plan-record.ts";
import type { ProgressMode } from "../progress/choose-renderer.ts";
import { paintLine } from "../terminal/line.ts";
import { painter, wantsColor } from "../terminal/paint.ts";
import { loadSettings, warn } from "./settings.ts";
import { showTasks } from "./show-tasks.ts";

export interface PlanFlags extends CommonFlags, PlanningFlags {
  readonly json?: boolean;
  readonly progress: Exclude<ProgressMode, "json">;
}

/**
 * `lamella plan`: what a build would do, for people, or as data: an array of plans, one a platform of each image. An image
 * that cannot be planned does not keep the others from being told.
 */
export async function planAction(this: CliContext, flags: PlanFlags, file: string): Promise<void> {
  const definition = await parseDefinitionArgument(file, this.cwd);
  const config = await loadSettings(this, flags.config);
  const { builder = "local" } = config;
  if (builder !== "local") {
    warn(`Builds go to the builder ${builder}; this is what the local one would do.`, this);
  }
  const records: PlanRecord[] = [];
  const failures: unknown[] = [];
  for (const exported of await loadDefinition(definition, this)) {
    const shown = shownImage(definition, exported);
    const source = definitionSource(definition, exported);
    const options = { ...planningOptions(flags), definition: source, config, signal: this.signal };
    const work = (emit: (event: BuildEvent) => void): Promise<readonly PlanRecord[]> =>
      planImage(exported, { ...options, emit }, this.env);
    try {
      const planned = await inNameOf(shown, () => showTasks(this, shown, work, flags.progress));
      records.push(...planned);
      if (!flags.json) print(planned, this);
    } catch (error) {
      this.signal.throwIfAborted();
      failures.push(error);
    }
  }
  if (flags.json) this.process.stdout.write(`${JSON.stringify(records, undefined, 2)}\n`);
  // The last one is reported as every failure of a command is.
  for (const failure of failures.slice(0, -1)) report(failure, flags, this);
  if (failures.length > 0) throw failures.at(-1);
}

function print(planned: readonly PlanRecord[], { process: { stdout }, env }: CliContext): void {
  const paint = painter(wantsColor(stdout, env));
  for (const line of planned.flatMap((one) => planLines(one))) {
    stdout.write(`${paintLine(line, paint)}\n`);
  }
}

function report(
  failure: unknown,
  { debug = false }: PlanFlags,
  { process: { stderr }, env }: CliContext,
): void {
  const paint = painter(wantsColor(stderr, env));
  stderr.write(`${errorReport(failure, { paint, debug })}\n`);
}
