import type { BuildOptions } from "../../builders/builder.ts";
import { imageName, isItsBase, withDefaultRegistry } from "../../image/uri.ts";
import { SharedTagError } from "../error.ts";
import type { ExportedImage } from "./exported-images.ts";
import { shownImage } from "./named-image.ts";

/**
 * Refuses to build images of one file of which one would take the other's tag: two explicit tags in one repository (of a
 * layout, whose images are named by tag alone, in all of it) that are to be different images. Raises SharedTagError.
 */
export function checkTags(
  images: readonly ExportedImage[],
  { tags = [], output, config }: BuildOptions,
  shown: string,
): void {
  const takers = new Map<string, ExportedImage>();
  for (const exported of images) {
    const definition = withDefaultRegistry(exported.image.definition, config?.defaultRegistry);
    if (isItsBase(definition)) continue;
    const { registry, tag: own } = definition;
    const path = [registry, imageName(definition)].filter((part) => part !== undefined).join("/");
    // A tag that follows from the identifier can be no other image's.
    for (const tag of new Set(own === undefined ? tags : [own, ...tags])) {
      const name = output ? `${output.path}:${tag}` : `${path}:${tag}`;
      const first = takers.get(name) ?? exported;
      takers.set(name, first);
      if (first.image.identifier === exported.image.identifier) continue;
      const [one, other] = [first, exported].map((each) => shownImage({ shown }, each));
      throw new SharedTagError(
        `${one} and ${other} are different images, and both would be ${name}.`,
        `Nothing was built. Build one of them (lamella build ${other}), or give each a name or tag of its own: { name: "…" }.`,
      );
    }
  }
}
