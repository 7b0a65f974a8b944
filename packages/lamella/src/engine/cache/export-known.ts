import { LamellaError } from "../../error.ts";
import type { Digest } from "../../files/digest.ts";
import { parseReference } from "../../image/reference.ts";
import type { Layer } from "../../oci/descriptor.ts";
import { mediaType } from "../../oci/media-type.ts";
import { findSeenImage } from "../export/stored-image.ts";
import type { Target } from "../export/target.ts";
import type { ImageRequest } from "../image-request.ts";
import { layerAnnotations } from "../materialize/annotations.ts";
import { blobSource } from "../materialize/blob-source.ts";
import { recallNarrowing } from "../materialize/narrow-overlaps.ts";
import { recallPlan } from "../materialize/recall-plan.ts";
import type { PreparedPlan } from "../resolve/prepared-plan.ts";
import { resolveImage } from "../resolve/resolve-image.ts";
import { type Session, scoped } from "../session.ts";
import { type CachedLayer, checkCacheDestination, exportCache } from "./export-cache.ts";

/**
 * Puts what an image was made of into the cache, where the image is there already and nothing is built. That is done if
 * this machine remembers all of it, and so without work; else it is said that nothing was added. Raises NoCacheError.
 */
export async function exportKnown(
  request: ImageRequest,
  digest: Digest,
  target: Target,
  session: Session,
): Promise<void> {
  const { exporting, journal } = session;
  if (!exporting) return;
  await checkCacheDestination(session);
  const layers = await knownLayers(request, digest, target, session);
  if (layers) return exportCache(layers, target, session);
  journal
    .start("cache", `to ${exporting.place.name}`)
    .finish("done", { detail: "nothing was built, so nothing is added (--force builds)" });
}

/** All layers of ours of an image that this machine made and has not forgotten; nothing where it lacks any. */
async function knownLayers(
  request: ImageRequest,
  digest: Digest,
  target: Target,
  session: Session,
): Promise<CachedLayer[] | undefined> {
  // Without this a machine that never made the image would read its base.
  if (!(await isSeen(request, digest, target, session))) return undefined;
  const attempt = scoped(session);
  try {
    const layers: CachedLayer[] = [];
    for (const prepared of await resolveImage(request, attempt)) {
      const own = await recallLayers(prepared, target, attempt);
      if (!own) return undefined;
      layers.push(...own);
    }
    return layers;
  } catch (error) {
    session.signal.throwIfAborted();
    if (!(error instanceof LamellaError)) throw error;
    return undefined;
  }
}

async function isSeen(
  { uri }: ImageRequest,
  digest: Digest,
  target: Target,
  { store }: Session,
): Promise<boolean> {
  if (target.kind !== "registry") return target.kind === "store";
  return (await findSeenImage(store, parseReference(uri)))?.digest === digest;
}

async function recallLayers(
  prepared: PreparedPlan,
  target: Target,
  session: Session,
): Promise<CachedLayer[] | undefined> {
  const { plan } = prepared;
  if (prepared.pending) return undefined;
  const results = await recallPlan(plan, session.store);
  const { repository } = prepared.base;
  const layers: CachedLayer[] = prepared.base.layers.map((layer) => {
    return { layer, source: blobSource(layer, repository, session) };
  });
  for (const step of plan.steps) {
    const result = results.get(step.key);
    if (!result) return undefined;
    if (step.kind === "overlaps") await recallNarrowing(step, prepared, { session });
    if (!result.layer) continue;
    const annotations = layerAnnotations(step, plan);
    const layer: Layer = { ...result.layer, mediaType: mediaType.layerGzip, annotations };
    const held = await session.store.blobs.has(layer.digest);
    if (held !== layer.size && !(await target.has(layer))) return undefined;
    layers.push({ layer, step, source: blobSource(layer, target.repository, session) });
  }
  return layers;
}
