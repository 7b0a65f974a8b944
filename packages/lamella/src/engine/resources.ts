/**
 * Resources that end together, the last one first: an AsyncDisposableStack, which Node 22 does not have. A failure to end
 * one keeps none of the others from ending.
 */
export class Resources implements AsyncDisposable {
  readonly #held: AsyncDisposable[] = [];

  /** Takes a resource over, and gives it back to be used. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.#held.push(resource);
    return resource;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const resource of this.#held.splice(0).toReversed()) {
      try {
        await resource[Symbol.asyncDispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "Resources could not be released.");
  }
}
