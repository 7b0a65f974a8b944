import { Build } from "../engine/build.ts";
import type { Builder } from "./builder.ts";

/**
 * A builder that is loaded when it is first used. Definitions import `lamella` for {@link Image} alone, and what builds
 * (a registry client, schemas, parsers) takes longer to load than all else that `lamella id` does.
 */
export function deferredBuilder(name: string, load: () => Promise<Builder>): Builder {
  return {
    name,
    build: (image, options) =>
      new Build(async (emit) => {
        const building = (await load()).build(image, options);
        for await (const event of building) emit(event);
        return await building;
      }),
    plan: async (image, options) => (await load()).plan(image, options),
    check: async (image, options) => (await load()).check(image, options),
    lock: async (image, options) => (await load()).lock(image, options),
  };
}
