import pLimit from "p-limit";
import type { Layer } from "../../oci/descriptor.ts";
import { mediaType } from "../../oci/media-type.ts";
import { annotation } from "../annotation.ts";
import type { BlobSource } from "../export/target.ts";
import type { Step } from "../plan.ts";
import type { LayerReport, LayerSource } from "../result.ts";
import { together } from "../together.ts";
import { layerAnnotations } from "./annotations.ts";
import { blobSource } from "./blob-source.ts";
import { makeStep, type Workshop } from "./make-step.ts";

/** Blobs on their way to the target at once. */
const deliveries = 4;

/** A layer of the finished image that is at the target. */
export interface DeliveredLayer {
  readonly layer: Layer;
  /** The step that it is the result of; the base's layers have none. */
  readonly step?: Step;
  readonly report: LayerReport;
  /** Where its bytes can be had, also by others than the target. */
  readonly source: BlobSource;
}

/**
 * Turns a plan's steps into layers at the target, and gives them in the plan's order, the base's first. Steps that only
 * place files do not wait for each other: each layer is made as soon as what it needs is there, and is on its way while
 * the next is made.
 */
export async function materialize(workshop: Workshop): Promise<readonly DeliveredLayer[]> {
  const { prepared, target, session } = workshop;
  const { plan } = prepared;
  const delivering = pLimit(deliveries);

  const deliver = (layer: Layer, title: string, source: LayerSource, bytes: BlobSource) =>
    delivering(async (): Promise<LayerReport> => {
      session.signal.throwIfAborted();
      const about = { platform: plan.platform, total: layer.size };
      const push = session.journal.start("push", title, about);
      try {
        const delivery = await target.deliver(layer, bytes, (sent) =>
          push.progress(sent, layer.size),
        );
        push.finish(
          delivery === "uploaded" ? "done" : delivery === "mounted" ? "mounted" : "exists",
        );
        return { digest: layer.digest, size: layer.size, title, source, delivery };
      } catch (error) {
        push.fail(error);
        throw error;
      }
    });

  const base = plan.base.layers.map(async (layer): Promise<DeliveredLayer> => {
    const title = layer.annotations?.[annotation.title] ?? "base";
    const source = blobSource(layer, prepared.base.repository, session);
    return { layer, source, report: await deliver(layer, title, "base", source) };
  });
  const steps = plan.steps.map(async (step): Promise<DeliveredLayer | undefined> => {
    const { layer: made, source: from, holder } = await makeStep(step, workshop);
    if (!made) return undefined;
    const annotations = layerAnnotations(step, plan);
    const layer: Layer = { ...made, mediaType: mediaType.layerGzip, annotations };
    const source = blobSource(layer, holder, session);
    return { layer, step, source, report: await deliver(layer, step.title, from, source) };
  });
  const delivered = await together(session, [...base, ...steps]);
  return delivered.filter((layer) => layer !== undefined);
}
