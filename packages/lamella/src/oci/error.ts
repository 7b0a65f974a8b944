import { LamellaError } from "../error.ts";

/** A file entry that no layer can hold: a bad path, mode or owner, or one that contradicts an entry before it. */
export class InvalidEntryError extends LamellaError {
  readonly code = "layer-entry-invalid";
}

/** A file whose content is not what its entry announced: other length, checksum or compressed length. */
export class ContentMismatchError extends LamellaError {
  readonly code = "layer-content-mismatch";
  /** The entry's. */
  readonly path: string;

  /** `why` completes "The content of … is not what was announced: ". */
  constructor(path: string, why: string, options?: ErrorOptions) {
    super(
      `The content of ${JSON.stringify(path)} is not what was announced: ${why}.`,
      "The archive is damaged, or the file changed while it was read. Fetch or build it again.",
      options,
    );
    this.path = path;
  }
}

/** A tar that is damaged, hostile, or uses a feature that images do not have. */
export class InvalidTarError extends LamellaError {
  readonly code = "tar-invalid";
}

/** A compressed layer that does not decompress. */
export class CorruptLayerError extends LamellaError {
  readonly code = "layer-corrupt";
}

/** A layer that may not be copied to another registry. */
export class NonDistributableLayerError extends LamellaError {
  readonly code = "layer-non-distributable";
}

/** A media type that Lamella does not read where it was found. */
export class UnsupportedMediaTypeError extends LamellaError {
  readonly code = "media-type-unsupported";
}

/** A manifest in Docker's schema 1, which carries neither a config nor layer sizes. */
export class DockerSchema1Error extends LamellaError {
  readonly code = "manifest-schema1";
}

/** A manifest, index or config that is not what its specification says. */
export class InvalidDocumentError extends LamellaError {
  readonly code = "document-invalid";
}

/** A config that does not name the uncompressed digest of each of its manifest's layers. */
export class MissingDiffIdsError extends LamellaError {
  readonly code = "image-diff-ids-missing";
}

/** An index without an image for the platform that was asked for. */
export class PlatformNotFoundError extends LamellaError {
  readonly code = "platform-not-found";
}

/** A folder that is no OCI layout, or whose content is damaged. */
export class InvalidLayoutError extends LamellaError {
  readonly code = "layout-invalid";
}

/** A layout that cannot be written: the disk is full or read-only, or the folder is somebody else's. */
export class LayoutNotWritableError extends LamellaError {
  readonly code = "layout-not-writable";
}

/** Bytes for a layout that are not those that their digest and size say. */
export class BlobMismatchError extends LamellaError {
  readonly code = "layout-blob-mismatch";
}
