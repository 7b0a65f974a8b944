import { LamellaError } from "../error.ts";

/** The builder that is asked for is none that is here. */
export class BuilderError extends LamellaError {
  readonly code = "builder-unknown";
}
