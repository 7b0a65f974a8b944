import type { CommonFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { loadDefinition, parseDefinitionArgument } from "../definition/load-definition.ts";

/** `lamella id`: identifier and name, with a tab between, a line each image. */
export async function idAction(this: CliContext, _flags: CommonFlags, file: string): Promise<void> {
  const definition = await parseDefinitionArgument(file, this.cwd);
  for (const { image } of await loadDefinition(definition, this)) {
    this.process.stdout.write(`${image.identifier}\t${image.uri}\n`);
  }
}
