import { plan } from "../../builders/index.ts";
import { withCaches } from "../../builders/with-caches.ts";
import type { BuildPlan } from "../../engine/plan.ts";
import { imageUri, withDefaultRegistry } from "../../image/uri.ts";
import { type CommonFlags, type PlanningFlags, planningOptions } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { loadDefinition, parseDefinitionArgument } from "../definition/load-definition.ts";
import { inNameOf, shownImage } from "../definition/named-image.ts";
import { planLines } from "../plan/plan-lines.ts";
import { rememberedSteps } from "../plan/remembered-steps.ts";
import { paintLine } from "../terminal/line.ts";
import { painter, wantsColor } from "../terminal/paint.ts";
import { loadSettings } from "./settings.ts";
import { showTasks } from "./show-tasks.ts";

export interface PlanFlags extends CommonFlags, PlanningFlags {
  readonly json?: boolean;
}

/** `lamella plan`: what a build would do, for people, or as data: an array of plans, one a platform of each image. */
export async function planAction(this: CliContext, flags: PlanFlags, file: string): Promise<void> {
  const definition = await parseDefinitionArgument(file, this.cwd);
  const config = await loadSettings(this, flags.config);
  const { signal, process, env } = this;
  const options = { ...planningOptions(flags), config, signal };
  const plans: BuildPlan[] = [];
  const paint = painter(wantsColor(process.stdout, env));
  for (const { name, image } of await loadDefinition(definition, this)) {
    const shown = shownImage(definition, { name });
    const ofImage = await inNameOf(shown, () =>
      showTasks(this, shown, (emit) => plan(image, { ...options, emit })),
    );
    plans.push(...ofImage);
    if (flags.json) continue;
    const settled = withDefaultRegistry(image.definition, config.defaultRegistry);
    const uri = imageUri(settled, () => image.identifier);
    for (const one of ofImage) {
      const known = await rememberedSteps(one, withCaches(config, options), env, signal);
      for (const line of planLines(one, { uri, known })) {
        process.stdout.write(`${paintLine(line, paint)}\n`);
      }
    }
  }
  if (flags.json) process.stdout.write(`${JSON.stringify(plans, undefined, 2)}\n`);
}
