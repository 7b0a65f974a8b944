import { requireOptions, requireText } from "../image/argument.ts";

import { NamedImage } from "./named-image.ts";

/** A {@link NamedImage} as the Python SDK writes it. */
export interface NamedImageData {
  readonly name: string;
  readonly fqn: string;
  readonly tag: string | null;
  readonly digest: string | null;
}

/** An {@link ImageConfig} as the Python SDK writes it: what one of the two writes, the other reads. */
export interface ImageConfigData {
  readonly default_image: NamedImageData | null;
  readonly images: readonly NamedImageData[] | null;
}

export function namedImageData({ name, fqn, tag, digest }: NamedImage): NamedImageData {
  return { name, fqn, tag: tag ?? null, digest: digest ?? null };
}

/** Takes data for an image; `what` is what errors call it. Raises {@link DefinitionError} and InvalidReferenceError. */
export function namedImage(value: unknown, what: string): NamedImage {
  const known = requireOptions(value, what, ["name", "fqn", "tag", "digest"]);
  const { tag, digest } = known;
  const text = (part: unknown, name: string): string => requireText(part, `${what}'s ${name}`);
  const version = [
    ...(tag === undefined || tag === null ? [] : [`:${text(tag, "tag")}`]),
    ...(digest === undefined || digest === null ? [] : [`@${text(digest, "digest")}`]),
  ];
  const identifier = [text(known.fqn, "fqn"), ...version].join("");
  return NamedImage.parse(text(known.name, "name"), identifier, { allowNoTagOrDigest: true });
}

const optionalText = { type: ["string", "null"] };
const namedImageSchema = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 1 },
    fqn: { type: "string", minLength: 1 },
    tag: optionalText,
    digest: optionalText,
  },
  required: ["name", "fqn"],
  additionalProperties: false,
};
/** JSON Schema of {@link ImageConfigData}. */
export const imageConfigSchema: object = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "ImageConfig",
  type: "object",
  properties: {
    default_image: { anyOf: [{ $ref: "#/$defs/image" }, { type: "null" }] },
    images: { anyOf: [{ type: "array", items: { $ref: "#/$defs/image" } }, { type: "null" }] },
  },
  additionalProperties: false,
  $defs: { image: namedImageSchema },
};
