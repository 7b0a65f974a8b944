import { relative } from "node:path";
import { lock } from "../../builders/index.ts";
import type { CommonFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { loadDefinition, parseDefinitionArgument } from "../definition/load-definition.ts";
import { definitionSource, inNameOf, shownImage } from "../definition/named-image.ts";
import { count } from "../terminal/quantity.ts";
import { loadSettings } from "./settings.ts";
import { showTasks } from "./show-tasks.ts";

export interface LockFlags extends CommonFlags {
  readonly upgrade?: boolean;
  readonly force?: boolean;
}

/** `lamella lock`: writes the lock of each image; where it is, and whether it changed, go to stdout. */
export async function lockAction(this: CliContext, flags: LockFlags, file: string): Promise<void> {
  const definition = await parseDefinitionArgument(file, this.cwd);
  const config = await loadSettings(this, flags.config);
  const { signal } = this;
  const { upgrade, force } = flags;
  for (const { name, image } of await loadDefinition(definition, this)) {
    const options = {
      config,
      signal,
      definition: definitionSource(definition, { name }),
      ...(upgrade && { upgrade }),
      ...(force && { force }),
    };
    const shown = shownImage(definition, { name });
    const written = await inNameOf(shown, () =>
      showTasks(this, shown, (emit) => lock(image, { ...options, emit })),
    );
    const packages = Math.max(...written.plans.map((plan) => plan.packages.length));
    const state = written.changed ? "written" : "unchanged";
    const path = relative(this.cwd, written.path);
    this.process.stdout.write(`${path}: ${count(packages, "package")}, ${state}\n`);
  }
}
