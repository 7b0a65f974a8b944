import pLimit, { type LimitFunction } from "p-limit";
import type { Digest } from "../../files/digest.ts";
import type { Platform } from "../../image/platform.ts";
import type { Layer } from "../../oci/descriptor.ts";
import type { BlobSource, Target } from "../export/target.ts";
import type { Step } from "../plan.ts";
import type { LayerDelivery, LayerReport, LayerSource } from "../result.ts";
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

/** What is said of a layer on its way. */
export interface DeliveryWords {
  readonly title: string;
  readonly from: LayerSource;
  readonly platform: Platform;
}

/** Brings the layers of all platforms to the target, a few at a time, and each once. */
export class Delivery {
  readonly #target: Target;
  readonly #session: Session;
  readonly #limit: LimitFunction = pLimit(deliveries);
  readonly #begun = new Map<Digest, Promise<LayerDelivery>>();

  constructor(target: Target, session: Session) {
    this.#target = target;
    this.#session = session;
  }

  async deliver(layer: Layer, about: DeliveryWords, source: BlobSource): Promise<DeliveredLayer> {
    const { digest, size } = layer;
    const { title, from, platform } = about;
    const sending = this.#begun.get(digest) ?? this.#send(layer, title, platform, source);
    this.#begun.set(digest, sending);
    // It may be tried again, from another source.
    sending.catch(() => {
      if (this.#begun.get(digest) === sending) this.#begun.delete(digest);
    });
    const delivery = await sending;
    return { layer, source, report: { digest, size, title, source: from, delivery } };
  }

  #send(
    layer: Layer,
    title: string,
    platform: Platform,
    source: BlobSource,
  ): Promise<LayerDelivery> {
    return this.#limit(async () => {
      const { signal, journal } = this.#session;
      signal.throwIfAborted();
      const push = journal.start("push", title, { platform, total: layer.size });
      try {
        const delivery = await this.#target.deliver(layer, source, (sent) =>
          push.progress(sent, layer.size),
        );
        push.finish(
          delivery === "uploaded" ? "done" : delivery === "mounted" ? "mounted" : "exists",
        );
        return delivery;
      } catch (error) {
        push.fail(error);
        throw error;
      }
    });
  }
}
