import { relative } from "node:path";
import type { SettingSource } from "../../config/config.ts";

/** Who set a value, for people: paths of files below `cwd` are relative to it. */
export function shownSource(source: SettingSource | undefined, cwd: string): string {
  switch (source?.kind) {
    case undefined:
      return "default";
    case "option":
      return `the option ${source.option}`;
    case "environment":
      return `the variable ${source.variable}`;
    case "file":
      return `${shownPath(source.file, cwd)}:${source.line}:${source.column}`;
  }
}

/** A path relative to `cwd` where it is below that. */
export function shownPath(path: string, cwd: string): string {
  const below = relative(cwd, path);
  return below === "" || below.startsWith("..") ? path : below;
}
