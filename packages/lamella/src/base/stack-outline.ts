import type { Digest } from "../files/digest.ts";
import type { Layer } from "../oci/descriptor.ts";
import type { Store } from "../store/store.ts";
import type { Base } from "./base.ts";
import { readLayers } from "./base-layers.ts";
import type { Outline } from "./outline.ts";
import { outlineKey } from "./outline-annotation.ts";
import { rememberOutline } from "./outline-memo.ts";
import { outlineOf } from "./read-outline.ts";

/** The key of the outline that a base has with layers on it. */
export function stackOutlineKey({ config }: Base, above: readonly Digest[]): Digest {
  return outlineKey([...config.rootfs.diff_ids, ...above], config.config?.Env ?? []);
}

/**
 * Reads the outline of a base with layers on it, and remembers it. The layers' blobs are in the store, the base's there or in
 * its repository. Raises what reading damaged layers raises.
 */
export async function readStackOutline(
  base: Base,
  above: readonly Layer[],
  options: { readonly store: Store; readonly signal?: AbortSignal | undefined },
): Promise<Outline> {
  const { store, signal } = options;
  const key = stackOutlineKey(
    base,
    above.map(({ diffId }) => diffId),
  );
  const source = { repository: base.repository, store, signal };
  const summaries = await readLayers([...base.layers, ...above], source, undefined);
  const outline = outlineOf(summaries, base.config.config?.Env ?? []);
  await rememberOutline(key, outline, store);
  return outline;
}
