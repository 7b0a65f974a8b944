import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { BuildResult } from "../engine/result.ts";
import { LamellaError } from "../error.ts";
import { replaceFile } from "../files/replace-file.ts";
import { systemWords } from "../files/system-words.ts";
import { MetadataFileError } from "./error.ts";

/** What `--metadata-file` says. */
export interface Metadata {
  /** What was built, or was there already, in that order. */
  readonly images: readonly (BuildResult & { readonly export: string })[];
  /** The image that failed: it and those after it are not among the others. */
  readonly failed?: { readonly export: string; readonly code?: string; readonly message: string };
}

/** Why an image failed, as the metadata say it. */
export function failedImage(name: string, error: unknown): NonNullable<Metadata["failed"]> {
  return {
    export: name,
    ...(error instanceof LamellaError && { code: error.code }),
    message: error instanceof Error ? error.message : String(error),
  };
}

/** Whether the file can be written, asked before a build that takes long and pushes. Raises MetadataFileError. */
export async function checkMetadataFile(path: string): Promise<void> {
  const folder = dirname(path);
  const hint = "Nothing was built. Name a file in a folder that exists and can be written.";
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw metadataFileError(path, `the folder ${folder}: ${systemWords(error)}`, hint, error);
  }
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) throw metadataFileError(path, "it is a folder", hint);
}

/** Writes what was built; the file is there whole or not at all. Raises MetadataFileError. */
export async function writeMetadata(path: string, metadata: Metadata): Promise<void> {
  try {
    await replaceFile(path, `${JSON.stringify(metadata, undefined, 2)}\n`);
  } catch (error) {
    const hint = "The images are built. Name a file in a folder that exists and can be written.";
    throw metadataFileError(path, systemWords(error), hint, error);
  }
}

function metadataFileError(
  path: string,
  why: string,
  hint: string,
  cause?: unknown,
): MetadataFileError {
  return new MetadataFileError(`Cannot write the metadata file ${path}: ${why}.`, hint, { cause });
}
