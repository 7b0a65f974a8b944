import { baseReference } from "../image/base.ts";
import type { ImageDefinition } from "../image/definition.ts";
import { computeIdentifierAsync } from "../image/identifier.ts";
import { fitsDefinition, lockPath, readLock } from "../image/lock-file.ts";
import type { Platform } from "../image/platform.ts";
import { isTag, parseReference, type Reference } from "../image/reference.ts";
import { imageUri, withDefaultRegistry } from "../image/uri.ts";
import { validateDefinition } from "../image/validation.ts";
import { InvalidTagError } from "./error.ts";
import { type DefinitionSource, isLockOfAnother } from "./lock-owner.ts";
import { type LockDocument, parseLockDocument } from "./resolve/lock-document.ts";
import type { SecretSource } from "./secrets/find-secrets.ts";
import type { Session } from "./session.ts";

/** How a build is to be done; each as documented for `BuildOptions`. */
export interface RequestOptions {
  readonly tags?: readonly string[];
  readonly force?: boolean;
  readonly upgrade?: boolean;
  readonly locked?: boolean;
  readonly platforms?: readonly Platform[];
  readonly push?: boolean;
  readonly output?: { readonly kind: "layout"; readonly path: string };
  readonly definition?: DefinitionSource;
  readonly secrets?: readonly SecretSource[];
}

/** An image that is asked for, with its files hashed and its lock read. */
export interface ImageRequest {
  readonly definition: ImageDefinition;
  /** What the image starts from, in full. */
  readonly base: Reference;
  readonly identifier: string;
  readonly uri: string;
  /** The image's own tag first. */
  readonly tags: readonly string[];
  /** Whether the image's own tag follows from its identifier, so that it can only mean this image. */
  readonly tagIsIdentifier: boolean;
  /** Absent: those of the base. */
  readonly platforms?: readonly Platform[];
  readonly lockPath: string;
  readonly lock?: LockDocument;
  /** Whether the lock is for what the image asks for; only then it is part of the identifier. */
  readonly lockFits: boolean;
  /** The lock that has the place of the image's own and is that of another definition. */
  readonly otherLock?: LockDocument;
  readonly options: RequestOptions;
}

/**
 * Reads the files and the lock of a definition, afresh. Raises ValidationError with all that is wrong with the files,
 * InvalidTagError and InvalidLockError.
 */
export async function requestImage(
  defined: ImageDefinition,
  options: RequestOptions,
  { memo, signal, config }: Pick<Session, "memo" | "signal" | "config">,
): Promise<ImageRequest> {
  for (const tag of options.tags ?? []) checkTag(tag);
  await validateDefinition(defined, signal);
  const definition = withDefaultRegistry(defined, config.defaultRegistry);
  const path = lockPath(definition);
  const bytes = readLock(definition);
  const lockFits = bytes !== undefined && fitsDefinition(bytes, definition);
  const identifier = await computeIdentifierAsync(definition, {
    memo,
    signal,
    lock: lockFits ? bytes : undefined,
  });
  const lock = bytes && parseLockDocument(bytes, path);
  const isOther = lock && !lockFits && (await isLockOfAnother(lock, options.definition));
  const uri = imageUri(definition, () => identifier);
  const platforms = options.platforms ?? definition.platforms;
  return {
    definition,
    base: parseReference(baseReference(definition.base, definition.pythonVersion)),
    identifier,
    uri,
    tags: [...new Set([uri.slice(uri.lastIndexOf(":") + 1), ...(options.tags ?? [])])],
    tagIsIdentifier: definition.tag === undefined,
    ...(platforms ? { platforms } : {}),
    lockPath: path,
    lockFits,
    ...(lock && (isOther ? { otherLock: lock } : { lock })),
    options,
  };
}

function checkTag(tag: string): void {
  if (isTag(tag)) return;
  throw new InvalidTagError(
    `${JSON.stringify(tag.slice(0, 200))} cannot be a tag.`,
    "A tag has up to 128 letters, digits, '_', '.' and '-', and does not begin with '.' or '-'.",
  );
}
