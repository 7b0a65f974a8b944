import type { WheelFile } from "../python/lock.ts";

/**
 * Wheels of which all is known but their content, which is elsewhere: it is brought when somebody needs it, once. Who has
 * the layers that were made of them never does.
 */
export class LateWheels {
  readonly #bring = new Map<string, () => Promise<void>>();
  readonly #brought = new Map<string, Promise<void>>();

  /** `bring` puts the wheel where its address says. */
  announce({ url }: Pick<WheelFile, "url">, bring: () => Promise<void>): void {
    this.#bring.set(url, bring);
  }

  /** To be called before the content of a wheel is read. Raises what bringing it raises. */
  async bring({ url }: Pick<WheelFile, "url">): Promise<void> {
    const bring = this.#bring.get(url);
    if (!bring) return;
    const brought = this.#brought.get(url) ?? bring();
    this.#brought.set(url, brought);
    await brought;
  }
}
