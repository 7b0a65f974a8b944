import { type CanonicalValue, canonicalDigest } from "../files/canonical.ts";
import { digestHex, sha256 } from "../files/digest.ts";
import type { DigestMemo } from "../files/digest-memo.ts";
import { runInSlices, runToEnd, type SlicedWork } from "../files/sliced-work.ts";
import { baseReference } from "./base.ts";
import type { ImageDefinition } from "./definition.ts";
import { encodeLayer } from "./layer.ts";
import { formatReference, parseReference } from "./reference.ts";

/** Version of what is encoded below and of the encoding. Another one changes every identifier, and is a major release. */
const version = "lamella.image.v1";

export interface IdentifierOptions {
  /** The lock that the image is built with, as it lies on disk. */
  readonly lock?: Uint8Array | undefined;
  /** With it, files that have not changed are not read again. */
  readonly memo?: DigestMemo | undefined;
}

/**
 * The identifier of an image: 64 hexadecimal digits, the SHA-256 of the canonical encoding of all that decides what is
 * in it: base, platforms, Python version, user, environment, workdir, every layer in order with the content and relative
 * path of every file, and the lock if there is one.
 *
 * It is the same on every machine, and does not know where files lie, nor the registry, name and tag: these say where
 * the image goes, so one content has one identifier wherever it is pushed. A base is known by its name, since no network
 * is needed here. Files are read afresh. Raises the errors of reading them ({@link MissingFileError} and others).
 *
 * @example
 * ```ts
 * computeIdentifier(image.definition); // "9f2c…", 64 digits
 * ```
 */
export function computeIdentifier(
  definition: ImageDefinition,
  options: IdentifierOptions = {},
): string {
  return runToEnd(identifierWork(definition, options));
}

/** {@link computeIdentifier} in slices of a few milliseconds, for a program that has other things to do. */
export function computeIdentifierAsync(
  definition: ImageDefinition,
  options: IdentifierOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  return runInSlices(identifierWork(definition, options), options.signal);
}

function* identifierWork(
  definition: ImageDefinition,
  { lock, memo }: IdentifierOptions,
): SlicedWork<string> {
  const { base, pythonVersion, platforms, user, environment, workdir, root, ignoreFile } =
    definition;
  const layers: CanonicalValue[] = [];
  for (const layer of definition.layers) {
    layers.push(yield* encodeLayer(layer, { root, ignoreFile, memo }));
  }
  const content: CanonicalValue = {
    base: canonicalReference(baseReference(base, pythonVersion)),
    pythonVersion,
    platforms,
    user: user && {
      name: user.name,
      shell: user.shell,
      home: user.home,
      owns: user.owns,
    },
    environment,
    workdir,
    layers,
    lock: lock && sha256(lock),
  };
  return digestHex(canonicalDigest([version, content]));
}

/** One spelling for all that mean the same image: `ubuntu` is `docker.io/library/ubuntu:latest`. */
function canonicalReference(text: string): string {
  const reference = parseReference(text);
  const { tag, digest } = reference;
  return formatReference(
    tag === undefined && digest === undefined ? { ...reference, tag: "latest" } : reference,
  );
}
