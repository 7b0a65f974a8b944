import { LamellaError } from "../error.ts";

/** The definition file that was named cannot be read: it is not there, or is no file. */
export class DefinitionNotFoundError extends LamellaError {
  readonly code = "definition-not-found";
}

/** Where in a definition something went wrong. Lines and columns count from 1. */
export interface SourcePosition {
  /** Absolute path. */
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** A definition file that cannot be loaded: it does not parse, imports what is not there, or throws. */
export class DefinitionFileError extends LamellaError {
  readonly code: string;
  readonly position: SourcePosition;

  constructor(
    position: SourcePosition,
    message: string,
    hint: string,
    options: ErrorOptions & { readonly code?: string } = {},
  ) {
    super(message, hint, options);
    this.code = options.code ?? "definition-file";
    this.position = position;
  }
}

/** What failed for an image of a definition file, in words that name the image; the code is that of its cause. */
export class NamedImageError extends LamellaError {
  readonly code: string;

  constructor(message: string, hint: string, cause: LamellaError) {
    super(message, hint, { cause });
    this.code = cause.code;
  }
}

/** A definition file without the image that was asked for. */
export class NoImageError extends LamellaError {
  readonly code = "definition-no-image";
}

/** The command needs one image, and the definition file has several. */
export class SeveralImagesError extends LamellaError {
  readonly code = "definition-several-images";
}

/** Two images of a definition file would have one name, of which only the last would be left. */
export class SharedTagError extends LamellaError {
  readonly code = "tag-shared";
}

/** The command line is wrong: nothing was tried. */
export class UsageError extends LamellaError {
  readonly code = "usage";
}

/** The image that a command is to run in is nowhere. */
export class ImageNotFoundError extends LamellaError {
  readonly code = "image-not-found";
}

/** The file that should say what was built cannot be written. */
export class MetadataFileError extends LamellaError {
  readonly code = "metadata-file";
}

/** The user or the system asked the process to stop. */
export class InterruptedError extends LamellaError {
  readonly code = "interrupted";
  readonly signal: NodeJS.Signals;
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals, exitCode: number) {
    super("Interrupted.", "");
    this.signal = signal;
    this.exitCode = exitCode;
  }
}
