import { runInSlices, type SlicedWork } from "../files/sliced-work.ts";
import type { ImageDefinition } from "./definition.ts";
import { type Problem, ValidationError } from "./error.ts";
import { ignoreFileProblems } from "./ignore-file.ts";
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
  const problems: Problem[] = [...ignoreFileProblems(definition)];
  const { root, ignoreFile } = definition;
  // What is wrong with the file is said once, and not with each folder that it is for.
  const context = problems.length > 0 ? { root } : { root, ignoreFile };
  for (const layer of definition.layers) {
    yield;
    const found = yield* layerProblems(layer, context);
    problems.push(...found.map((problem) => ({ layer: layerTitle(layer), ...problem })));
  }
  return problems;
}
