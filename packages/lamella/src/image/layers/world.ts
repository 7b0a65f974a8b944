import { accessSync, constants, statSync } from "node:fs";
import { LamellaError } from "../../error.ts";
import type { Problem } from "../error.ts";

/** What to look at when a path leads nowhere. */
export const relativePathsHint =
  "Paths are relative to the definition file's folder; in a program, to its working directory.";

/** What `look` finds wrong; an error of ours that it ends with is a problem too. */
export function foundProblems(look: () => readonly Problem[]): readonly Problem[] {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof LamellaError)) throw error;
    return [{ message: error.message, hint: error.hint }];
  }
}

/** Whether there is a folder at the path, or a link to one. */
export function isFolder(path: string): boolean {
  return kindAt(path) === "folder";
}

/**
 * What is wrong with `path` when a file or folder of that kind is needed there, and can be read. `who` says what needs
 * it, as in `it names` after the name of a layer.
 */
export function worldProblems(
  path: string,
  who: string,
  needed: "file" | "folder" | "either",
): readonly Problem[] {
  const kind = kindAt(path);
  if (kind === "nothing") {
    return [
      {
        message: `${who} ${path}, which is not there.`,
        hint: relativePathsHint,
      },
    ];
  }
  if (kind === "other" || (needed !== "either" && kind !== needed)) {
    return [
      {
        message: `${who} ${path}, which is not a ${needed === "folder" ? "folder" : "file"}.`,
        hint: "withSourceFolder takes a folder, withSourceFile files.",
      },
    ];
  }
  if (isReadable(path)) return [];
  return [
    {
      message: `${who} ${path}, which cannot be read.`,
      hint: "Give your user permission to read it.",
    },
  ];
}

function kindAt(path: string): "file" | "folder" | "other" | "nothing" {
  let stats: ReturnType<typeof statSync>;
  try {
    stats = statSync(path, { throwIfNoEntry: false });
  } catch {
    // A file where a folder should be on the way, a loop of links, a folder that may not be entered.
    return "nothing";
  }
  if (stats === undefined) return "nothing";
  if (stats.isFile()) return "file";
  return stats.isDirectory() ? "folder" : "other";
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
