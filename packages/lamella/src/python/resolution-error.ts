import { LamellaError } from "../error.ts";

/** A line of requirements that cannot be read, or that has a form which no installer takes. */
export class InvalidRequirementError extends LamellaError {
  readonly code = "requirement-invalid";
}

/** A requirement that only a build from source could satisfy: an editable, a source folder, an sdist, a repository. */
export class RequirementNeedsBuildError extends LamellaError {
  readonly code = "requirement-needs-build";
}

/** A user name or password inside the URL of a requirement. */
export class CredentialsInRequirementError extends LamellaError {
  readonly code = "requirement-has-credentials";
}

/** A requirements file, or one that it names, that is not there or cannot be read. */
export class RequirementsFileError extends LamellaError {
  readonly code = "requirements-file-unreadable";
}

/** A file of package index settings (pip's, uv's, netrc) that cannot be read, or a setting in it that makes no sense. */
export class IndexSettingsError extends LamellaError {
  readonly code = "index-settings-invalid";
}

/** uv is not on the machine and could not be installed either. */
export class UvUnavailableError extends LamellaError {
  readonly code = "uv-unavailable";
}

/** uv ended in a way that we have no better word for; its own words are in the message. */
export class UvFailedError extends LamellaError {
  readonly code = "uv-failed";
}

/** No index and no folder of wheels knows a package of this name. */
export class UnknownPackageError extends LamellaError {
  readonly code = "package-unknown";
  /** The normalized name. */
  readonly package: string;

  constructor(name: string, message: string, hint: string) {
    super(message, hint);
    this.package = name;
  }
}

/** The package exists, but nothing of it fits: not the version, not the Python, not the platform. */
export class NoMatchingVersionError extends LamellaError {
  readonly code = "package-no-matching-version";
  readonly package: string;

  constructor(name: string, message: string, hint: string) {
    super(message, hint);
    this.package = name;
  }
}

/** What fits of the package is published as source only. */
export class NoWheelError extends LamellaError {
  readonly code = "package-no-wheel";
  readonly package: string;

  constructor(name: string, message: string, hint: string) {
    super(message, hint);
    this.package = name;
  }
}

/** A git repository that cannot be read, or lacks what a requirement names. */
export class RepositoryError extends LamellaError {
  readonly code = "repository-unreadable";
}

/** A package that its own build backend could not make a wheel of. */
export class PackageBuildError extends LamellaError {
  readonly code = "package-build-failed";
}

/** The requirements contradict each other. */
export class ResolutionConflictError extends LamellaError {
  readonly code = "resolution-conflict";
}

/** An index could not be asked. */
export class IndexUnreachableError extends LamellaError {
  readonly code = "index-unreachable";
}

/** An index or file server refused us. */
export class IndexUnauthorizedError extends LamellaError {
  readonly code = "index-unauthorized";
}

/** A lock file that is damaged, hostile, or of a kind that we do not read. */
export class InvalidLockError extends LamellaError {
  readonly code = "lock-invalid";
}

/** A wheel's file name that does not follow the binary distribution format. */
export class InvalidWheelFilenameError extends LamellaError {
  readonly code = "wheel-filename-invalid";
}

/** A wheel that is not where the lock says. */
export class WheelNotFoundError extends LamellaError {
  readonly code = "wheel-not-found";
}

/** A wheel whose bytes are not those that the lock or the requirement names. */
export class WheelHashError extends LamellaError {
  readonly code = "wheel-hash-mismatch";
}

/** A wheel that could not be downloaded for another reason: network, server fault, broken answer. */
export class WheelDownloadError extends LamellaError {
  readonly code = "wheel-download-failed";
}
