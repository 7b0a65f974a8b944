/**
 * The one family of errors that a user can do something about. Each names the input it is about in its message and
 * says the way out in its hint; anything else that is thrown is a defect of Lamella.
 *
 * Folders declare their own subclasses (`registry/error.ts`, `python/error.ts`, …), one class per thing a person can
 * act on. `code` is stable, in kebab case, and part of the API: scripts may match on it.
 */
export abstract class LamellaError extends Error {
  /** Stable identifier of the kind of error, for example `registry-unauthorized`. */
  abstract readonly code: string;
  /** What to do about it: one or more sentences, each on its own line. */
  readonly hint: string;

  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }

  override get name(): string {
    return this.constructor.name;
  }
}
