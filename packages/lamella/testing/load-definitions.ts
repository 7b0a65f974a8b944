import { createInterface } from "node:readline";
import { loadDefinition, parseDefinitionArgument } from "../src/cli/definition/load-definition.ts";
import { LamellaError } from "../src/error.ts";

// A process of its own for tests of the loader: Node's module hooks hold for a whole process, and the test runner has
// hooks of its own. A line on stdin is FILE or FILE#name, its answer is a line of JSON on stdout.
const cwd = process.cwd();
const signal = new AbortController().signal;
for await (const argument of createInterface(process.stdin)) {
  const answer = await load(argument).catch((error: unknown) => ({
    error: error instanceof LamellaError ? error.code : "defect",
    message: error instanceof Error ? error.message : String(error),
    hint: error instanceof LamellaError ? error.hint : "",
  }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function load(argument: string): Promise<object> {
  const definition = await parseDefinitionArgument(argument, cwd);
  const images = await loadDefinition(definition, { cwd, env: process.env, signal });
  return {
    images: images.map(({ name, image }) => ({
      name,
      base: image.definition.base,
      root: image.definition.root,
    })),
  };
}
