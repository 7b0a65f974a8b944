import { createHash } from "node:crypto";
import { LamellaError } from "../error.ts";

/** A content digest as OCI writes it (image-spec descriptor.md, "Digests"): algorithm, colon, lower-case hex. */
export type Digest = `sha256:${string}`;

/** A string that should be a digest and is not one that we can check. */
export class InvalidDigestError extends LamellaError {
  readonly code = "digest-invalid";
}

const sha256Digest = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return sha256Digest.test(text);
}

/** Parses a digest from outside. Raises {@link InvalidDigestError} for other algorithms and malformed hex. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new InvalidDigestError(
      `Not a SHA-256 digest: ${JSON.stringify(text.slice(0, 200))}.`,
      "A digest is 'sha256:' and 64 lower-case hexadecimal digits.",
    );
  }
  return text;
}

/** The digest of bytes that are in memory. Streams are hashed where they flow. */
export function sha256(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The 64 hexadecimal digits of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice("sha256:".length);
}
