import { LamellaError } from "../error.ts";

/** A file or folder that was named and is not there. */
export class MissingFileError extends LamellaError {
  readonly code = "file-missing";
}

/** A file or folder that is there and cannot be read. */
export class UnreadableFileError extends LamellaError {
  readonly code = "file-unreadable";
}

/** Something that no image can hold (a socket, a device), or a folder where a file is needed, or the other way round. */
export class FileKindError extends LamellaError {
  readonly code = "file-kind-unsupported";
}

/** A file name that is not UTF-8, which no layer can carry portably. */
export class FileNameError extends LamellaError {
  readonly code = "file-name-invalid";
}

/** A file whose content is not, or no longer, what was hashed. */
export class FileChangedError extends LamellaError {
  readonly code = "file-changed";

  constructor(path: string, options?: ErrorOptions) {
    super(
      `${path} changed while it was being read.`,
      "Run the command again once nothing writes to it.",
      options,
    );
  }
}

/** A line of a `.dockerignore` file that says nothing that can be understood. */
export class InvalidIgnorePatternError extends LamellaError {
  readonly code = "ignore-pattern-invalid";
}

/** The typed error for what the operating system says about `path`. */
export function fileSystemError(path: string, cause: unknown): LamellaError {
  if (cause instanceof LamellaError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new MissingFileError(`There is no ${path}.`, "Check the path, and its case.", { cause });
  }
  if (code === "EACCES" || code === "EPERM") {
    return new UnreadableFileError(
      `No permission to read ${path}.`,
      "Give your user permission to read it (chmod), or leave it out of the image.",
      { cause },
    );
  }
  return new UnreadableFileError(
    `${path} cannot be read: ${message}.`,
    "See whether other programs can read it.",
    { cause },
  );
}
