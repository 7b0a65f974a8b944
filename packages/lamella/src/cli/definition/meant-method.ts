import { nearestName } from "../../config/nearest.ts";
import { Image } from "../../image/image.ts";

/**
 * The method of an image that a call of something else most likely meant, from what the engine says of that call:
 * `image.withPipPackage is not a function`. Also names in the Python SDK's spelling, and beginnings of one name.
 */
export function meantMethod(message: string): string | undefined {
  const called = /\.([A-Za-z_]\w*) is not a function/.exec(message)?.[1];
  if (called === undefined) return undefined;
  const statics = methodsOf(Image);
  const methods = methodsOf(Image.prototype);
  const known = [...statics, ...methods];
  const written = called.replaceAll("_", "").toLowerCase();
  const begun = known.filter((name) => name.toLowerCase().startsWith(written));
  const meant = nearestName(written, known) ?? (begun.length === 1 ? begun[0] : undefined);
  return meant !== undefined && statics.includes(meant) ? `Image.${meant}` : meant;
}

function methodsOf(owner: object): readonly string[] {
  return Object.getOwnPropertyNames(owner).filter((name) => {
    const { value } = Object.getOwnPropertyDescriptor(owner, name) ?? {};
    return typeof value === "function" && name !== "constructor" && name !== "prototype";
  });
}
