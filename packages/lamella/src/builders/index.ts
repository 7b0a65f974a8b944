import { Build } from "../engine/build.ts";
import type { BuildEvent } from "../engine/event.ts";
import type { WrittenLock } from "../engine/lock-image.ts";
import type { BuildPlan } from "../engine/plan.ts";
import type { Image } from "../image/image.ts";
import type { BuildOptions, LockOptions, PlanOptions } from "./builder.ts";
import { checkCall } from "./check-call.ts";
import type { ChosenBuilder } from "./choose-builder.ts";

/**
 * Builds an image and puts it into its registry, or where `output` says. Begins at once; await it for the result, or
 * iterate over it for its events. A failed one throws where it is awaited, and nowhere else. Raises DefinitionError at
 * once for what is no image, and for an unknown option.
 *
 * @example
 * ```ts
 * const { uri, digest } = await build(image, { tags: ["v2"] });
 * ```
 */
export function build(image: Image, options: BuildOptions = {}): Build {
  checkCall("build", image, options);
  return new Build(async (emit) => {
    let last: BuildEvent["kind"] | undefined;
    try {
      const chosen = await choose(options);
      const building = chosen.builder.build(image, chosen.options);
      for await (const event of building) {
        last = event.kind;
        emit(event);
      }
      return await building;
    } catch (error) {
      // That there is no such builder, or that a plugin's fails, may not have been said.
      if (last !== "failed") {
        const { Journal } = await import("../engine/journal.ts");
        new Journal(emit).failed(error instanceof Error ? error : new Error(String(error)));
      }
      throw error;
    }
  });
}

/**
 * What {@link build} would do: the pinned base, the locked packages and the layers, one plan a platform. Nothing is
 * built, and the registry is not asked whether the image is there.
 *
 * @example
 * ```ts
 * const [{ packages }] = await plan(image);
 * ```
 */
export async function plan(image: Image, options: PlanOptions = {}): Promise<readonly BuildPlan[]> {
  checkCall("plan", image, options);
  const chosen = await choose(options);
  return chosen.builder.plan(image, chosen.options);
}

/**
 * Looks for what would make {@link build} fail because of the definition, its base and its secrets. Nothing is resolved
 * or built. For a program that builds several images, and wants all or none.
 *
 * @example
 * ```ts
 * for (const image of images) await check(image);
 * ```
 */
export async function check(image: Image, options: PlanOptions = {}): Promise<void> {
  checkCall("check", image, options);
  const chosen = await choose(options);
  return chosen.builder.check(image, chosen.options);
}

/**
 * Writes the lock of an image beside its definition. Builds use it from then on.
 *
 * @example
 * ```ts
 * const { path } = await lock(image);
 * ```
 */
export async function lock(image: Image, options: LockOptions = {}): Promise<WrittenLock> {
  checkCall("lock", image, options);
  const chosen = await choose(options);
  return chosen.builder.lock(image, chosen.options);
}

/** Loaded late: definitions import `lamella` for {@link Image} alone. */
async function choose<Options extends BuildOptions>(
  options: Options,
): Promise<ChosenBuilder<Options>> {
  const { chooseBuilder } = await import("./choose-builder.ts");
  return chooseBuilder(options);
}
