import { requireText, show } from "../image/argument.ts";
import { DefinitionError } from "../image/error.ts";
import { parseReference } from "../image/reference.ts";

/** The name of the image for tasks that name none. */
export const defaultImageName = "default";

/** Options of {@link NamedImage.parse}. */
export interface ParseNamedImageOptions {
  /** Whether an identifier with neither tag nor digest will do; false if absent. */
  readonly allowNoTagOrDigest?: boolean;
}

/**
 * An image by a friendly name, as configuration files and command lines have it.
 *
 * @example
 * ```ts
 * const spark = NamedImage.parse("spark", "ghcr.io/acme/spark:v2");
 * spark.fqn; // "ghcr.io/acme/spark"
 * spark.full; // "ghcr.io/acme/spark:v2"
 * ```
 */
export class NamedImage {
  readonly name: string;
  /** Registry and repository, as they were written. */
  readonly fqn: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;

  private constructor(name: string, fqn: string, tag?: string, digest?: string) {
    this.name = name;
    this.fqn = fqn;
    this.tag = tag;
    this.digest = digest;
    Object.freeze(this);
  }

  /**
   * Takes an identifier apart: at `@` into name and digest, else at the last `:` that no `/` follows into name and tag.
   * Raises InvalidReferenceError for what is no image's, and {@link DefinitionError} for one that has both a tag and a
   * digest, or neither.
   *
   * @example
   * ```ts
   * NamedImage.parse("spark", "localhost:5000/spark", { allowNoTagOrDigest: true });
   * ```
   */
  static parse(
    name: string,
    identifier: string,
    { allowNoTagOrDigest = false }: ParseNamedImageOptions = {},
  ): NamedImage {
    requireText(name, "the name of an image");
    const text = requireText(identifier, `the image ${show(name)}`);
    const { tag, digest } = parseReference(text);
    if (tag !== undefined && digest !== undefined) {
      throw new DefinitionError(
        `The image ${show(name)} has both a tag and a digest: ${text}.`,
        "Leave one of them out: a digest says which image it is, whatever the tag names.",
      );
    }
    if (tag === undefined && digest === undefined && !allowNoTagOrDigest) {
      throw new DefinitionError(
        `The image ${show(name)} has neither a tag nor a digest: ${text}.`,
        `Say which one, as in ${text}:v1.`,
      );
    }
    const version = tag ?? digest;
    const fqn = version === undefined ? text : text.slice(0, -(version.length + 1));
    return new NamedImage(name, fqn, tag, digest);
  }

  /** The identifier: `fqn@digest`, `fqn:tag`, or the name alone where there is neither. */
  get full(): string {
    if (this.digest !== undefined) return `${this.fqn}@${this.digest}`;
    return this.tag === undefined ? this.fqn : `${this.fqn}:${this.tag}`;
  }
}
