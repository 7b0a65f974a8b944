import { requireText, show } from "./argument.ts";
import { DefinitionError } from "./error.ts";
import { type Platform, parsePlatform, platforms } from "./platform.ts";
import { isTag, parseReference } from "./reference.ts";

/** Where an image goes and what it is called there. */
export interface NamingOptions {
  /** Host, with a path if there is one: `ghcr.io/acme`, `localhost:5000`. Without one the image stays in the local store. */
  readonly registry?: string | undefined;
  /** Name below the registry, as in `trainer`. */
  readonly name?: string | undefined;
  /** In place of the tag that the identifier gives. */
  readonly tag?: string | undefined;
}

/** The platforms to build for; those of the base if both are absent. */
export interface PlatformOptions {
  readonly platforms?: readonly Platform[] | undefined;
  /** One platform, or several: the name of the Python SDK. */
  readonly platform?: Platform | readonly Platform[] | undefined;
}

export const namingOptions = ["registry", "name", "tag"] as const;
export const platformOptions = ["platforms", "platform"] as const;

interface Naming {
  readonly registry: string | undefined;
  readonly name: string | undefined;
  readonly tag: string | undefined;
}

export function requireNaming(
  options: { readonly [option in (typeof namingOptions)[number]]?: unknown },
  call: string,
): Naming {
  const registry =
    options.registry === undefined ? undefined : requireRegistry(options.registry, call);
  const name = options.name === undefined ? undefined : requireName(options.name, call);
  const tag = options.tag === undefined ? undefined : requireTag(options.tag, call);
  return { registry, name, tag };
}

/** In the order of {@link platforms}, each once. */
export function requirePlatforms(
  options: { readonly [option in (typeof platformOptions)[number]]?: unknown },
  call: string,
): readonly Platform[] | undefined {
  if (options.platform !== undefined && options.platforms !== undefined) {
    throw new DefinitionError(
      `${call}: both platform and platforms are given.`,
      "Leave one of them out.",
    );
  }
  const given = options.platforms ?? options.platform;
  if (given === undefined) return undefined;
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0) {
    throw new DefinitionError(
      `${call}: the list of platforms is empty.`,
      `Leave it out for the base's, or name some of ${platforms.join(", ")}.`,
    );
  }
  const wanted = new Set(
    list.map((each) => parsePlatform(requireText(each, `${call}: a platform`))),
  );
  return platforms.filter((platform) => wanted.has(platform));
}

function requireRegistry(value: unknown, call: string): string {
  const registry = requireText(value, `${call}: the registry`);
  if (!parses(`${registry}/name`) || registry.includes("@")) {
    throw new DefinitionError(
      `${call}: ${show(registry)} is not a registry.`,
      'Give a host, with a path if there is one, without scheme or slash at the end: "ghcr.io/acme", "localhost:5000".',
    );
  }
  return registry;
}

function requireName(value: unknown, call: string): string {
  const name = requireText(value, `${call}: the name`);
  if (!parses(`registry.invalid/${name}`) || /[:@]/.test(name)) {
    throw new DefinitionError(
      `${call}: ${show(name)} cannot be the name of an image.`,
      "A name has lower-case letters and digits, with '.', '_' or '-' between them; registry and tag are options of their own.",
    );
  }
  return name;
}

function requireTag(value: unknown, call: string): string {
  const tag = requireText(value, `${call}: the tag`);
  if (isTag(tag)) return tag;
  throw new DefinitionError(
    `${call}: ${show(tag)} cannot be a tag.`,
    "A tag has up to 128 letters, digits, '_', '.' and '-', and does not begin with '.' or '-'.",
  );
}

function parses(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}
