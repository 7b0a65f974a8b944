import { LamellaError } from "../error.ts";

/** A definition whose shape is wrong: found when it is constructed, without looking at any file. */
export class DefinitionError extends LamellaError {
  readonly code: string = "definition-invalid";
}

/** `fromDebianBase` was to install Flyte, and nothing says in which version. */
export class MissingFlyteVersionError extends DefinitionError {
  override readonly code = "flyte-version-missing";

  constructor() {
    super(
      "fromDebianBase: the version of Flyte is not given.",
      'Give it, as in { flyteVersion: "2.0.0" }, to start from the image that has it installed;\n' +
        "or start from a plain Python image with { installFlyte: false }.",
    );
  }
}

/** A Python version for which there is no base image, or a file that does not say one. */
export class PythonVersionError extends DefinitionError {
  override readonly code = "python-version-unsupported";
}

/** A project's `pyproject.toml` or its lock that cannot be read, or that do not fit each other or what is asked for. */
export class ProjectError extends LamellaError {
  readonly code = "project-invalid";
}

/** Text that should name an image and does not. */
export class InvalidReferenceError extends LamellaError {
  readonly code = "reference-invalid";
}

/** One thing that {@link Image.validate} found. */
export interface Problem {
  /** Which layer it is in, as the definition's author wrote it; absent for the image as a whole. */
  readonly layer?: string;
  /** What is wrong, naming the file. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/** What a definition names is not there, or not what it should be. Lists everything that was found. */
export class ValidationError extends LamellaError {
  readonly code = "validation-failed";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const lines = problems.map(
      ({ layer, message }) => `${layer === undefined ? "" : `${layer}: `}${message}`,
    );
    super(lines.join("\n"), [...new Set(problems.map(({ hint }) => hint))].join("\n"));
    this.problems = problems;
  }
}
