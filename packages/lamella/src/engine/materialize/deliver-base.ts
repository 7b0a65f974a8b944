import type { Base } from "../../base/base.ts";
import type { Layer } from "../../oci/descriptor.ts";
import { annotation } from "../annotation.ts";
import { blobSource } from "./blob-source.ts";
import type { DeliveredLayer } from "./delivery.ts";
import type { Workshop } from "./make-step.ts";
import { takeFromCache } from "./take-from-cache.ts";

/**
 * Brings a layer of the base to the target: mounted where the base lies in its registry, else from a cache that has it,
 * which may well lie there, else streamed from the base's own. Raises what the registries raise.
 */
export async function deliverBaseLayer(
  layer: Layer,
  { repository, platform }: Base,
  workshop: Workshop,
): Promise<DeliveredLayer> {
  const { delivery, session, target } = workshop;
  const title = layer.annotations?.[annotation.title] ?? "base";
  const about = { title, from: "base", platform } as const;
  const isNear = target.repository?.pushHost === repository.registryHost;
  // The store keeps no layers of a base before something runs.
  if (!isNear && target.kind !== "store" && !(await target.has(layer))) {
    await takeFromCache(layer, about, workshop);
  }
  return delivery.deliver(layer, about, blobSource(layer, repository, session));
}
