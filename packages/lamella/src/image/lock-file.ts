import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileSystemError } from "../files/error.ts";
import type { ImageDefinition } from "./definition.ts";
import { lockSubject } from "./lock-subject.ts";
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

/**
 * The bytes of the lock beside the definition if it is for what the image asks for: only then it decides what is in the
 * image. Raises the errors of reading the lock and requirements files.
 */
export function readFittingLock(definition: ImageDefinition): Uint8Array | undefined {
  const lock = readLock(definition);
  return lock && fitsDefinition(lock, definition) ? lock : undefined;
}

/** Whether a lock names the image's {@link lockSubject}. It is looked for as text: an identifier needs no parser. */
export function fitsDefinition(lock: Uint8Array, definition: ImageDefinition): boolean {
  const subject = /^subject = "([0-9a-f]{64})"\r?$/m.exec(new TextDecoder().decode(lock))?.[1];
  return subject === lockSubject(definition);
}
