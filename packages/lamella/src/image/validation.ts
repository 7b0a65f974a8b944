import { runInSlices, type SlicedWork } from "../files/sliced-work.ts";
import type { ImageDefinition } from "./definition.ts";
import { type Problem, ValidationError } from "./error.ts";
import { layerProblems, layerTitle } from "./layer.ts";

/**
 * Looks at the files that a definition names: that they are there, can be read, and are of the right kind. Raises one
 * {@link ValidationError} with everything that is wrong.
 */
export async function validateDefinition(
  definition: ImageDefinition,
  signal?: AbortSignal,
): Promise<void> {
  const problems = await runInSlices(problemsWork(definition), signal);
  if (problems.length > 0) throw new ValidationError(problems);
}

function* problemsWork(definition: ImageDefinition): SlicedWork<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const layer of definition.layers) {
    yield;
    const found = yield* layerProblems(layer, definition);
    problems.push(...found.map((problem) => ({ layer: layerTitle(layer), ...problem })));
  }
  return problems;
}
