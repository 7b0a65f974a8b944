import { deflateRawSync, inflateRawSync } from "node:zlib";
import * as z from "zod/mini";
import { type Digest, isDigest, sha256 } from "../files/digest.ts";
import type { Outline } from "./outline.ts";
import { decodeOutline, encodeOutline, outlineVersion } from "./outline-codec.ts";

/**
 * Name of the label by which an image carries its own outline, so that nobody need read its layers. It holds the key of
 * the layers that it is about: an image built on top inherits the label, and then it is about other layers and ignored.
 */
export const outlineLabel = "dev.lamella.outline";

/** A longer label is not written: config blobs are read whole by everybody. In characters. */
const longestLabel = 256 * 1024;

/** Above this many bytes a label is not inflated. */
const longestDocument = 64 * 1024 * 1024;

/**
 * What an outline depends on: the layers, the environment that says where things are, and the recipe. Memos are kept by
 * it, and a label is believed only where it fits.
 */
export function outlineKey(diffIds: readonly Digest[], environment: readonly string[]): Digest {
  return sha256(JSON.stringify(["outline", outlineVersion, diffIds, environment]));
}

const labelDocument = z.object({
  key: z.string().check(z.refine(isDigest)),
  outline: z.unknown(),
});

/** The label's text; undefined where it would be longer than 256 KiB. The same outline gives the same text. */
export function encodeOutlineLabel(outline: Outline, key: Digest): string | undefined {
  const json = JSON.stringify({ key, outline: encodeOutline(outline) });
  const text = deflateRawSync(json, { level: 9 }).toString("base64");
  return text.length > longestLabel ? undefined : text;
}

/** The outline that a label holds; undefined where it is damaged, of another version, or not about `key`. */
export function decodeOutlineLabel(text: string, key: Digest): Outline | undefined {
  try {
    const json = inflateRawSync(Buffer.from(text, "base64"), { maxOutputLength: longestDocument });
    const document = labelDocument.parse(JSON.parse(json.toString("utf8")));
    return document.key === key ? decodeOutline(document.outline) : undefined;
  } catch {
    return undefined;
  }
}
