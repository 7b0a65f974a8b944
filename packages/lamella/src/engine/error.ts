import { LamellaError } from "../error.ts";

/** An explicit tag that is there, and is another image than the one that is asked for. */
export class TagTakenError extends LamellaError {
  readonly code = "tag-taken";
}

/** A text that no registry takes as a tag. */
export class InvalidTagError extends LamellaError {
  readonly code = "tag-invalid";
}

/** A push was asked for, and nothing says where to. */
export class NoRegistryError extends LamellaError {
  readonly code = "registry-missing";
}

/** The file of a lock is that of another definition, whose image has the same name. */
export class LockTakenError extends LamellaError {
  readonly code = "lock-taken";
}

/** An image without Python packages has nothing that a lock could hold. */
export class NothingToLockError extends LamellaError {
  readonly code = "lock-nothing";
}

/** Packages that can only be locked when it is known what a command leaves that has not been executed. */
export class UnplannedError extends LamellaError {
  readonly code = "lock-unplanned";
}

/** A secret that the definition names has no value here. */
export class MissingSecretError extends LamellaError {
  readonly code = "secret-missing";
}

/** A secret's value cannot be what the definition wants it to be. */
export class InvalidSecretError extends LamellaError {
  readonly code = "secret-invalid";
}

/** A command of the definition ended with an exit code other than 0. */
export class CommandFailedError extends LamellaError {
  readonly code = "command-failed";
  readonly command: string;
  readonly exitCode: number;
  /** The last that it wrote. */
  readonly lastLines: readonly string[];

  constructor(command: string, exitCode: number, lastLines: readonly string[], hint: string) {
    super(
      [`The command failed with exit code ${exitCode}: ${command}`, ...lastLines].join("\n"),
      hint,
    );
    this.command = command;
    this.exitCode = exitCode;
    this.lastLines = lastLines;
  }
}

/** Debian packages that the base's archives do not have. */
export class AptPackageNotFoundError extends LamellaError {
  readonly code = "apt-package-missing";
  readonly packages: readonly string[];

  constructor(packages: readonly string[], message: string, hint: string) {
    super(message, hint);
    this.packages = packages;
  }
}

/** The base has no apt, or apt there has no archives. */
export class NoAptError extends LamellaError {
  readonly code = "apt-missing";
}

/** An image that is not where it was named. */
export class ImageMissingError extends LamellaError {
  readonly code = "image-missing";
}
