import { nearestName } from "../../config/nearest.ts";
import { Image } from "../../image/image.ts";
import { NoImageError } from "../error.ts";

/** An image, and the name under which its file exports it. */
export interface ExportedImage {
  readonly name: string;
  readonly image: Image;
}

/**
 * The images that a loaded module means: the export called `wanted`; without it the default export if that is an
 * image, else all that are exported, in order of their names. `shown` is the file as messages call it.
 *
 * @throws {@link NoImageError} when there is none; it lists what the module exports.
 */
export function selectImages(
  module: Readonly<Record<string, unknown>>,
  wanted: string | undefined,
  shown: string,
): readonly ExportedImage[] {
  const exports = exportsOf(module);
  if (wanted !== undefined) return [named(exports, wanted, shown)];
  const byDefault = exports.get("default");
  if (byDefault instanceof Image) return [{ name: "default", image: byDefault }];
  const images = imagesIn(exports);
  if (images.length === 0) throw noImage(exports, shown);
  return images;
}

/** Named exports; those of a CommonJS module are the properties of its `module.exports`. */
function exportsOf(module: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> {
  const { "module.exports": commonJs, ...esm } = module;
  const hasProperties =
    typeof commonJs === "object" && commonJs !== null && !(commonJs instanceof Image);
  const all = hasProperties ? commonJs : esm;
  return new Map(
    Object.entries(all).filter(([name, value]) => value !== undefined && name !== "__esModule"),
  );
}

/** Each image once, though it may be exported under two names. */
function imagesIn(exports: ReadonlyMap<string, unknown>): readonly ExportedImage[] {
  const images = new Map<Image, ExportedImage>();
  for (const [name, image] of exports) {
    if (image instanceof Image && !images.has(image)) images.set(image, { name, image });
  }
  return [...images.values()];
}

function named(
  exports: ReadonlyMap<string, unknown>,
  wanted: string,
  shown: string,
): ExportedImage {
  const image = exports.get(wanted);
  if (image instanceof Image) return { name: wanted, image };
  const close = nearestName(
    wanted,
    imagesIn(exports).map(({ name }) => name),
  );
  const what = exports.has(wanted)
    ? `${shown} exports ${wanted}, but it is ${describe(exports.get(wanted))}, not an image.`
    : `${shown} has no export called ${wanted}.`;
  throw new NoImageError(
    close === undefined ? what : `${what} Did you mean ${close}?`,
    listing(exports),
  );
}

function noImage(exports: ReadonlyMap<string, unknown>, shown: string): NoImageError {
  return new NoImageError(
    `${shown} exports no image.`,
    `${listing(exports)}\nExport one: export default Image.fromDebianBase({ … })`,
  );
}

function listing(exports: ReadonlyMap<string, unknown>): string {
  if (exports.size === 0) return "It exports nothing.";
  const lines = [...exports].map(([name, value]) => `  ${name}: ${describe(value)}`);
  return ["It exports:", ...lines].join("\n");
}

function describe(value: unknown): string {
  if (value instanceof Image) return "an image";
  if (value instanceof Promise) return "a promise (await it in the file)";
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (value === null || typeof value !== "object")
    return `a ${value === null ? "null" : typeof value}`;
  return "an object";
}
