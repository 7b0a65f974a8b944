import { annotation } from "../annotation.ts";
import type { BuildPlan, Step } from "../plan.ts";

/** What a layer says of itself in the manifest: its title, its kind, and the exact packages that are in it. */
export function layerAnnotations(step: Step, plan: BuildPlan): Record<string, string> {
  const annotations: Record<string, string> = {
    [annotation.title]: step.title,
    [annotation.kind]: step.kind,
  };
  if (step.kind === "wheels" || step.kind === "bytecode") {
    const packages = step.packages.flatMap((index) => {
      const { name, version, digest } = plan.packages[index] ?? {};
      return name === undefined ? [] : [{ name, version, digest }];
    });
    annotations[annotation.packages] = JSON.stringify(packages);
  }
  return annotations;
}
