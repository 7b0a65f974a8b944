import type { Layer } from "../../oci/descriptor.ts";
import { mediaType } from "../../oci/media-type.ts";
import { fetchLayers } from "../fetch-layers.ts";
import type { LayerPlaces, StepOutcome } from "./make-step.ts";

/** The layers of steps, once their blobs are in the store: they may have been found at the target, or in a cache. */
export async function fetchOwnLayers(
  outcomes: readonly StepOutcome[],
  workshop: LayerPlaces,
): Promise<Layer[]> {
  const layers: Layer[] = [];
  for (const { layer: made, holder } of outcomes) {
    if (!made) continue;
    const layer = { ...made, mediaType: mediaType.layerGzip };
    if (!(await copyFromTarget(layer, workshop)) && holder) {
      await fetchLayers({ layers: [layer], repository: holder }, workshop.session);
    }
    layers.push(layer);
  }
  return layers;
}

/** Takes a layer from a target that is no registry. Says whether the store has it then. */
async function copyFromTarget(
  { digest }: Layer,
  { session, target }: LayerPlaces,
): Promise<boolean> {
  const { blobs } = session.store;
  if ((await blobs.has(digest)) !== undefined) return true;
  if (!target?.read) return false;
  await using blob = await blobs.create(digest);
  for await (const chunk of target.read(digest)) await blob.write(chunk);
  await blob.commit();
  return true;
}
