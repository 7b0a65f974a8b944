import pLimit, { type LimitFunction } from "p-limit";
import type { Platform } from "../../image/platform.ts";
import type { Layer } from "../../oci/descriptor.ts";
import type { BlobSource, Target } from "../export/target.ts";
import type { Step } from "../plan.ts";
import type { LayerReport, LayerSource } from "../result.ts";
import type { Session } from "../session.ts";

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

/** Brings one platform's layers to the target, a few at a time. */
export class Delivery {
  readonly #platform: Platform;
  readonly #target: Target;
  readonly #session: Session;
  readonly #limit: LimitFunction = pLimit(deliveries);

  constructor(platform: Platform, target: Target, session: Session) {
    this.#platform = platform;
    this.#target = target;
    this.#session = session;
  }

  deliver(
    layer: Layer,
    title: string,
    from: LayerSource,
    source: BlobSource,
  ): Promise<DeliveredLayer> {
    return this.#limit(async () => {
      const { signal, journal } = this.#session;
      signal.throwIfAborted();
      const about = { platform: this.#platform, total: layer.size };
      const push = journal.start("push", title, about);
      try {
        const delivery = await this.#target.deliver(layer, source, (sent) =>
          push.progress(sent, layer.size),
        );
        push.finish(
          delivery === "uploaded" ? "done" : delivery === "mounted" ? "mounted" : "exists",
        );
        const { digest, size } = layer;
        return { layer, source, report: { digest, size, title, source: from, delivery } };
      } catch (error) {
        push.fail(error);
        throw error;
      }
    });
  }
}
