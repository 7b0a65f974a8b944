import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileSystemError } from "../files/error.ts";
import type { ImageDefinition } from "./definition.ts";
import { imageName } from "./uri.ts";

/**
 * Where the lock of an image lies: `pylock.NAME.toml` in its root (PEP 751 wants NAME without dots; slashes of the
 * image's name become dashes too). `name` is the image's if absent.
 */
export function lockPath(definition: ImageDefinition, name?: string): string {
  const wanted = name ?? imageName(definition) ?? "image";
  return join(definition.root, `pylock.${wanted.replaceAll(/[./]/g, "-")}.toml`);
}

/** The bytes of the lock beside the definition, if there is one. */
export function readLock(definition: ImageDefinition): Uint8Array | undefined {
  const path = lockPath(definition);
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileSystemError(path, error);
  }
}
