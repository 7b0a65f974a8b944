import pLimit from "p-limit";
import type { Digest } from "../files/digest.ts";
import type { Layer } from "../oci/descriptor.ts";
import { CorruptLayerError, InvalidTarError } from "../oci/error.ts";
import type { BaseSource } from "./base-documents.ts";
import type { LayerSummary } from "./layer-summary.ts";
import {
  decodeLayerSummary,
  encodeLayerSummary,
  layerSummaryVersion,
} from "./layer-summary-codec.ts";
import { readLayerSummary } from "./read-outline.ts";

/** Layers that are read at a time. */
const concurrency = 3;

const namespace = "layer-summary";

/** Summaries of all layers: remembered, or read from the store, or from the registry and into the store. */
export async function readLayers(
  layers: readonly Layer[],
  source: BaseSource,
  onProgress: ((read: number, total: number) => void) | undefined,
): Promise<LayerSummary[]> {
  const { store } = source;
  const summaries = new Map<Digest, LayerSummary>();
  const missing = new Map<Digest, Layer>();
  for (const layer of layers) {
    if (summaries.has(layer.diffId) || missing.has(layer.diffId)) continue;
    const remembered = await store.memos.get(namespace, summaryKey(layer), decodeLayerSummary);
    if (remembered) summaries.set(layer.diffId, remembered);
    else missing.set(layer.diffId, layer);
  }
  const total = [...missing.values()].reduce((sum, { size }) => sum + size, 0);
  let read = 0;
  // The first failure ends the others.
  const stop = new AbortController();
  const signal = source.signal ? AbortSignal.any([source.signal, stop.signal]) : stop.signal;
  const limit = pLimit(concurrency);
  const readOne = async (layer: Layer): Promise<void> => {
    signal.throwIfAborted();
    const open = (): AsyncIterable<Uint8Array> =>
      openLayer(layer, { ...source, signal }, (bytes) => {
        read += bytes;
        onProgress?.(read, total);
      });
    const summary = await readLayerSummary({ ...layer, open }, { signal }).catch(
      async (error: unknown) => {
        throw await explained(error, layer, { ...source, signal });
      },
    );
    await store.memos.put(namespace, summaryKey(layer), encodeLayerSummary(summary));
    summaries.set(layer.diffId, summary);
  };
  const reading = [...missing.values()].map((layer) => limit(() => readOne(layer)));
  try {
    await Promise.all(reading);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(reading);
    throw error;
  }
  return layers
    .map(({ diffId }) => summaries.get(diffId))
    .filter((summary) => summary !== undefined);
}

/** Whatever makes a layer unreadable, wrong bytes on the way come first; then the layer itself is named. */
async function explained(error: unknown, layer: Layer, source: BaseSource): Promise<unknown> {
  const unreadable = error instanceof InvalidTarError || error instanceof CorruptLayerError;
  if (!unreadable) return error;
  const { registryHost, repository } = source.repository;
  try {
    for await (const _ of openLayer(layer, source, () => undefined));
  } catch (fault) {
    return fault;
  }
  error.message += ` That is the layer ${layer.digest} of ${registryHost}/${repository}.`;
  return error;
}

function summaryKey({ diffId }: Layer): string {
  return `${layerSummaryVersion} ${diffId}`;
}

async function* openLayer(
  layer: Layer,
  { repository, store, signal }: BaseSource,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  if ((await store.blobs.has(layer.digest)) !== undefined) {
    for await (const chunk of store.blobs.read(layer.digest, { signal })) {
      onBytes(chunk.length);
      yield chunk;
    }
    return;
  }
  await using writer = await store.blobs.create(layer.digest);
  for await (const chunk of repository.blob(layer, signal ? { signal } : {})) {
    await writer.write(chunk);
    onBytes(chunk.length);
    yield chunk;
  }
  await writer.commit();
}
