import type { Digest } from "../files/digest.ts";

/** What points to a blob or a manifest (image-spec descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Length in bytes of what is pointed to. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: OciPlatform;
}

/** The platform object of an index entry (image-spec image-index.md). */
export interface OciPlatform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
}

/** A layer with both of its names: of its compressed bytes (`digest`) and of its tar (`diffId`). */
export interface Layer extends Descriptor {
  readonly diffId: Digest;
}
