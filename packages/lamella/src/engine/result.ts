import type { Digest } from "../files/digest.ts";
import type { Platform } from "../image/platform.ts";

/** Where a layer of the finished image came from. */
export type LayerSource =
  /** Made by this build. */
  | "built"
  /** Remembered from an earlier build. */
  | "cached"
  /** Made for another platform of the same build, or recalled for it. */
  | "shared"
  /** The base's. */
  | "base";

/** How a blob reached the target. */
export type LayerDelivery = "uploaded" | "mounted" | "exists" | "kept";

export interface LayerReport {
  readonly digest: Digest;
  /** Compressed bytes. */
  readonly size: number;
  readonly title: string;
  readonly source: LayerSource;
  /** `kept`: the target is the local store. */
  readonly delivery: LayerDelivery;
}

export interface PlatformResult {
  readonly platform: Platform;
  /** Of the platform's manifest. */
  readonly digest: Digest;
  readonly layers: readonly LayerReport[];
}

/** What a build gives. */
export interface BuildResult {
  readonly uri: string;
  /** Of what the tag refers to: the manifest, or the index for several platforms. */
  readonly digest: Digest;
  readonly identifier: string;
  /** Under `upgrade`: the digest that the image's tag had before, if it was there. */
  readonly previous?: Digest;
  /** Where it was put. */
  readonly target: "registry" | "layout" | "store";
  /** The tag was there already for all wanted platforms: nothing was built. `platforms` is then empty. */
  readonly upToDate: boolean;
  readonly tags: readonly string[];
  readonly platforms: readonly PlatformResult[];
  /** Bytes sent to the target. */
  readonly uploaded: number;
  readonly milliseconds: number;
}
