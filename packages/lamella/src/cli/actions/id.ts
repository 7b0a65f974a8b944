import { imageUri, withDefaultRegistry } from "../../image/uri.ts";
import type { CommonFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { loadDefinition, parseDefinitionArgument } from "../definition/load-definition.ts";
import { loadSettings } from "./settings.ts";

/** `lamella id`: identifier and name, with a tab between, a line each image. */
export async function idAction(this: CliContext, flags: CommonFlags, file: string): Promise<void> {
  const { defaultRegistry } = await loadSettings(this, flags.config);
  const definition = await parseDefinitionArgument(file, this.cwd);
  for (const { image } of await loadDefinition(definition, this)) {
    const { identifier } = image;
    const uri = imageUri(withDefaultRegistry(image.definition, defaultRegistry), () => identifier);
    this.process.stdout.write(`${identifier}\t${uri}\n`);
  }
}
