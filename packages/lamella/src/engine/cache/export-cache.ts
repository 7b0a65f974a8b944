import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { LamellaError } from "../../error.ts";
import { isDigest } from "../../files/digest.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { RegistryError } from "../../registry/error.ts";
import type { Repository } from "../../registry/repository.ts";
import { annotation } from "../annotation.ts";
import { builtPath, builtWheels, parseBuiltRecord } from "../execute/built-record.ts";
import type { Target } from "../export/target.ts";
import type { DeliveredLayer } from "../materialize/delivery.ts";
import type { Session } from "../session.ts";
import type { CacheRecord } from "./cache-document.ts";
import { wheelMediaType } from "./cache-manifest.ts";
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
      const wheels = await pushBuiltWheels(records, place.repository, session);
      const blobs = [...layers, ...wheels];
      await pushCache({ document: { version: 1, records }, layers: blobs }, place, signal);
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

/** Pushes the wheels that were built from source and are here, and gives their descriptors. */
async function pushBuiltWheels(
  records: readonly CacheRecord[],
  repository: Repository,
  { store, signal }: Session,
): Promise<readonly Descriptor[]> {
  const pushed: Descriptor[] = [];
  for (const { namespace, key, value } of records) {
    if (namespace !== builtWheels || !isDigest(key)) continue;
    const record = parseBuiltRecord(value);
    const path = builtPath(store, key, record);
    const stats = await stat(path).catch(() => undefined);
    // One that another cache has, and that was not needed here, stays there.
    if (stats?.size !== record.size) continue;
    const { size } = record;
    const blob: Descriptor = { mediaType: wheelMediaType, digest: `sha256:${record.sha256}`, size };
    await repository.pushBlob(blob, (start) => createReadStream(path, { start }), { signal });
    pushed.push(blob);
  }
  return pushed;
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
