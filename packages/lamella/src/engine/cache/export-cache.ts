import { LamellaError } from "../../error.ts";
import { RegistryError } from "../../registry/error.ts";
import { annotation } from "../annotation.ts";
import type { Target } from "../export/target.ts";
import type { DeliveredLayer } from "../materialize/delivery.ts";
import type { Session } from "../session.ts";
import { mountLayers, pushCache, pushLayers } from "./push-cache.ts";
import { readManifest } from "./read-cache.ts";

/**
 * Looks whether a cache may be put where the command or the configuration wants it, before anything is built. A registry
 * that cannot be asked now may answer when there is something to put. Raises NoCacheError where something else is.
 */
export async function checkCacheDestination({ exporting, signal }: Session): Promise<void> {
  if (!exporting) return;
  try {
    await readManifest(exporting.place, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RegistryError)) throw error;
  }
}

/** A layer for a cache: a step's, or, without one, the base's. */
export type CachedLayer = Pick<DeliveredLayer, "layer" | "step" | "source">;

/**
 * Puts what a build used and made into a cache, with its layers, which are mounted from the image's repository where that
 * lies in the same registry. What the cache knew before stays as long as there is room. The image is there already, so a
 * failure is a warning.
 */
export async function exportCache(
  delivered: readonly CachedLayer[],
  target: Target,
  session: Session,
): Promise<void> {
  const { exporting, journal, signal } = session;
  if (!exporting) return;
  const { place, used } = exporting;
  await journal.task("cache", `to ${place.name}`, async (task) => {
    try {
      const made = each(delivered.filter(({ step }) => step !== undefined));
      const ofBase = each(delivered.filter(({ step }) => step === undefined));
      const records = used.records();
      await pushLayers(made, place.repository, target, signal);
      const mounted = await mountLayers(ofBase, place.repository, target, signal);
      const layers = [...made, ...mounted].map(
        ({ layer: { digest, size, mediaType, annotations } }) => ({
          mediaType,
          digest,
          size,
          ...words(annotations),
        }),
      );
      await pushCache({ document: { version: 1, records }, layers }, place, signal);
      task.finish("done", { detail: `${records.length} records` });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof LamellaError)) throw error;
      task.finish("done", { detail: "not written" });
      const message = `The image is built, but the cache ${place.name} was not written: ${error.message}`;
      journal.warn("cache-unwritable", message, error.hint);
    }
  });
}

/** Each layer once. */
function each(layers: readonly CachedLayer[]): CachedLayer[] {
  return [...new Map(layers.map((one) => [one.layer.digest, one])).values()];
}

/** What a layer of ours says of itself, for people who look into the manifest. */
function words(annotations: Readonly<Record<string, string>> | undefined): {
  readonly annotations?: Readonly<Record<string, string>>;
} {
  const { [annotation.title]: title, [annotation.kind]: kind } = annotations ?? {};
  if (title === undefined || kind === undefined) return {};
  return { annotations: { [annotation.title]: title, [annotation.kind]: kind } };
}
