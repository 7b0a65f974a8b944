import { assembleImage } from "../oci/assemble.ts";
import { assembleIndex } from "../oci/index-document.ts";
import { annotation } from "./annotation.ts";
import type { ImageDocuments } from "./export/target.ts";
import type { DeliveredLayer } from "./materialize/delivery.ts";
import type { BuildPlan } from "./plan.ts";
import type { PreparedPlan } from "./resolve/prepared-plan.ts";

/** A platform's plan with its finished layers, the base's first. */
export interface MaterializedPlan {
  readonly prepared: PreparedPlan;
  readonly layers: readonly DeliveredLayer[];
}

/** The documents of an image: config and manifest for each platform, and the index over them when there are several. */
export function assemble(platforms: readonly MaterializedPlan[]): ImageDocuments {
  const images = platforms.map(({ prepared: { plan, base }, layers }) =>
    assembleImage({
      base,
      layers: layers.flatMap(({ layer, step }) =>
        step ? [{ ...layer, createdBy: `lamella: ${step.title}` }] : [],
      ),
      changes: plan.config,
      annotations: annotationsOf(plan),
    }),
  );
  const configs = images.map(({ config }) => config);
  const manifests = images.map(({ manifest }) => manifest);
  const [first, second] = platforms;
  if (!first || !second) return { configs, manifests };
  const index = assembleIndex(
    manifests.map(({ descriptor }) => descriptor),
    { [annotation.identifier]: first.prepared.plan.identifier },
  );
  return { configs, manifests, index };
}

function annotationsOf({ identifier, base }: BuildPlan): Record<string, string> {
  return {
    [annotation.identifier]: identifier,
    [annotation.baseName]: base.reference,
    [annotation.baseDigest]: base.digest,
  };
}
