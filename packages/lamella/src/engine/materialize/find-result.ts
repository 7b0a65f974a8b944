import type { Digest } from "../../files/digest.ts";
import type { Platform } from "../../image/platform.ts";
import { mediaType } from "../../oci/media-type.ts";
import type { Repository } from "../../registry/repository.ts";
import { annotation } from "../annotation.ts";
import type { Step } from "../plan.ts";
import type { LayerPlaces } from "./make-step.ts";
import { recallStep, recallStepElsewhere, type StepResult } from "./remembered-step.ts";
import { takeFromCache } from "./take-from-cache.ts";

/** A step's result that is remembered, and whose layer somebody has. */
export interface FoundResult extends StepResult {
  /** A repository that has the layer, where the store does not. */
  readonly holder?: Repository;
}

/** What is said of a layer on its way. */
type About = Pick<Step, "kind" | "title"> & { readonly platform: Platform };

/**
 * A step's remembered result, with who has its layer: what this machine remembers, else, where that layer is gone, what a
 * cache does. Two machines that executed one step may have other layers.
 *
 * A layer that only a cache has is brought to the target at once, since a cache may fail in the middle of it: then the
 * result counts as not found, and the step is made as if there were no such cache.
 */
export async function findResult(
  key: Digest,
  about: About,
  places: LayerPlaces,
): Promise<FoundResult | undefined> {
  const { store, caches } = places.session;
  const recalled = await recallStep(store, key);
  const found = recalled && (await findLayer(recalled, about, places));
  if (found || !recalled) return found;
  const elsewhere = await recallStepElsewhere(caches, key);
  return elsewhere && (await findLayer(elsewhere, about, places));
}

/** The result with who has its layer; nothing where nobody does. */
async function findLayer(
  result: StepResult,
  about: About,
  places: LayerPlaces,
): Promise<FoundResult | undefined> {
  const { session, target } = places;
  const { layer } = result;
  if (!layer || (await session.store.blobs.has(layer.digest)) === layer.size) return result;
  if (target && (await target.has(layer))) {
    const { repository } = target;
    return { layer, ...(repository && { holder: repository }) };
  }
  const { kind, title, platform } = about;
  const annotations = { [annotation.title]: title, [annotation.kind]: kind };
  const whole = { ...layer, mediaType: mediaType.layerGzip, annotations };
  const cache = await takeFromCache(whole, { title, from: "cached", platform }, places);
  return cache && { layer, holder: target?.repository ?? cache };
}
