import { imageUri, withDefaultRegistry } from "../../image/uri.ts";
import type { CommonFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { loadDefinition, parseDefinitionArgument } from "../definition/load-definition.ts";
import { loadSettings } from "./settings.ts";

/** `lamella id`: identifier, name, and the export if it is not the default one, with tabs between; a line each image. */
export async function idAction(this: CliContext, flags: CommonFlags, file: string): Promise<void> {
  const { defaultRegistry } = await loadSettings(this, flags.config);
  const definition = await parseDefinitionArgument(file, this.cwd);
  for (const { name, image } of await loadDefinition(definition, this)) {
    const { identifier } = image;
    const uri = imageUri(withDefaultRegistry(image.definition, defaultRegistry), () => identifier);
    const fields = [identifier, uri, ...(name === "default" ? [] : [name])];
    this.process.stdout.write(`${fields.join("\t")}\n`);
  }
}
