import pLimit from "p-limit";
import type { Descriptor, Layer } from "../oci/descriptor.ts";
import type { Repository } from "../registry/repository.ts";
import { BlobNotFoundError } from "../store/error.ts";
import type { Session } from "./session.ts";
import { together } from "./together.ts";

/** Layers on their way here at once. */
const downloads = 4;

/** Layers, and where those are that the store lacks. */
export interface LocatedLayers {
  readonly layers: readonly Layer[];
  /** Absent where nothing but the store is known to have them. */
  readonly repository?: Repository | undefined;
}

/** Brings layers into the store. Raises BlobNotFoundError for one that is nowhere, and the registry's errors. */
export async function fetchLayers(
  {
    layers,
    repository,
  }: Pick<LocatedLayers, "repository"> & { readonly layers: readonly Descriptor[] },
  session: Session,
): Promise<void> {
  const fetching = pLimit(downloads);
  await together(
    session,
    layers.map((layer) =>
      fetching(async () => {
        if ((await session.store.blobs.has(layer.digest)) !== undefined) return;
        if (!repository) {
          throw new BlobNotFoundError(
            `The layer ${layer.digest} is not in the store.`,
            "Build the image again: lamella build FILE.",
          );
        }
        await fetchLayer(layer, repository, session);
      }),
    ),
  );
}

async function fetchLayer(
  layer: Descriptor,
  repository: Repository,
  session: Session,
): Promise<void> {
  const { store, journal, signal } = session;
  const name = `layer ${layer.digest.slice("sha256:".length, "sha256:".length + 12)}`;
  await journal.task(
    "fetch",
    name,
    async (task) => {
      await using blob = await store.blobs.partial(layer.digest, { signal });
      if ((await store.blobs.has(layer.digest)) !== undefined) return;
      let done = blob.offset;
      for await (const chunk of repository.blob(layer, { offset: done, signal })) {
        await blob.write(chunk);
        task.progress((done += chunk.length), layer.size);
      }
      await blob.commit();
    },
    { total: layer.size },
  );
}
