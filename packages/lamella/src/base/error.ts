import { LamellaError } from "../error.ts";

/** A path in the base whose symbolic links lead in a circle. */
export class LinkLoopError extends LamellaError {
  readonly code = "base-link-loop";
}

/** A base layer with more names or longer documents than any image has. */
export class OversizedLayerError extends LamellaError {
  readonly code = "base-layer-oversized";
}

/** A manifest or config of the base that is longer than any is. */
export class OversizedDocumentError extends LamellaError {
  readonly code = "base-document-oversized";
}

/** A layer whose uncompressed content is not what the image's config says. */
export class DiffIdMismatchError extends LamellaError {
  readonly code = "base-diff-id-mismatch";
}

/** A file that would take the place of one of the base's directories. */
export class PlacementError extends LamellaError {
  readonly code = "base-placement";
}

/** The base's account files cannot take another user. */
export class AccountError extends LamellaError {
  readonly code = "base-account";
}

/** A distribution that must be replaced but does not say which files it has. */
export class DistributionWithoutRecordError extends LamellaError {
  readonly code = "base-distribution-without-record";
}

/** The machine lacks what `lamella base bootstrap` needs. */
export class BootstrapUnavailableError extends LamellaError {
  readonly code = "bootstrap-unavailable";
}

/** mmdebstrap failed. */
export class BootstrapFailedError extends LamellaError {
  readonly code = "bootstrap-failed";
}
