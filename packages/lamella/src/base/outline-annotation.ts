import { deflateRawSync, inflateRawSync } from "node:zlib";
import * as z from "zod/mini";
import { type Digest, isDigest, sha256 } from "../files/digest.ts";
import type { Outline } from "./outline.ts";
import { decodeOutline, encodeOutline, outlineVersion } from "./outline-codec.ts";

/**
 * Name of the annotation by which an image's manifest carries its own outline, so that nobody need read its layers. It
 * holds the key of the layers that it is about: where it was copied to another image's manifest, it is ignored.
 *
 * Not a label of the config: containerd gives those to its containers, and refuses one of more than 4,096 bytes.
 */
export const outlineAnnotation = "dev.lamella.outline";

/** A longer one is not written: manifests are read whole by everybody, and registries take 4 MiB. In characters. */
const longestAnnotation = 256 * 1024;

/** Above this many bytes an annotation is not inflated. */
const longestDocument = 64 * 1024 * 1024;

/**
 * What an outline depends on: the layers, the environment that says where things are, and the recipe. Memos are kept by
 * it, and an annotation is believed only where it fits.
 */
export function outlineKey(diffIds: readonly Digest[], environment: readonly string[]): Digest {
  return sha256(JSON.stringify(["outline", outlineVersion, diffIds, environment]));
}

const annotationDocument = z.object({
  key: z.string().check(z.refine(isDigest)),
  outline: z.unknown(),
});

/** The annotation's text; undefined where it would be longer than 256 KiB. The same outline gives the same text. */
export function encodeOutlineAnnotation(outline: Outline, key: Digest): string | undefined {
  const json = JSON.stringify({ key, outline: encodeOutline(outline) });
  const text = deflateRawSync(json, { level: 9 }).toString("base64");
  return text.length > longestAnnotation ? undefined : text;
}

/** The outline that an annotation holds; undefined where it is damaged, of another version, or not about `key`. */
export function decodeOutlineAnnotation(text: string, key: Digest): Outline | undefined {
  try {
    const json = inflateRawSync(Buffer.from(text, "base64"), { maxOutputLength: longestDocument });
    const document = annotationDocument.parse(JSON.parse(json.toString("utf8")));
    return document.key === key ? decodeOutline(document.outline) : undefined;
  } catch {
    return undefined;
  }
}
