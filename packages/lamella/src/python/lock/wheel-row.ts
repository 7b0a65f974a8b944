import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { WheelFile } from "../lock.ts";
import type { PylockFile } from "../pylock.ts";
import { parseWheelFilename, wheelFilenameOfUrl } from "../wheel-filename.ts";
import { relativePath } from "./source-row.ts";

/**
 * A row's file as a wheel. Throws an Error that says what is wrong with it; relative paths start at `directory`.
 */
export function wheelFromPylock(file: PylockFile, directory: string): WheelFile {
  const url =
    file.path === undefined
      ? URL.parse(file.url ?? "")
      : pathToFileURL(path.resolve(directory, file.path));
  if (url === null || !/^(?:https?|file):$/.test(url.protocol)) {
    throw new Error("a wheel's address is no https: or file: URL");
  }
  if (url.username !== "" || url.password !== "") {
    throw new Error("a wheel's address holds a user name or password");
  }
  url.hash = "";
  const filename = wheelFilenameOfUrl(url.href);
  parseWheelFilename(filename);
  if (file.name !== undefined && file.name !== filename) {
    throw new Error(`the wheel ${JSON.stringify(file.name)} has an address with another file name`);
  }
  const sha256 = file.hashes["sha256"];
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new Error(`the wheel ${filename} has no SHA-256 hash`);
  }
  return {
    filename,
    url: url.href,
    sha256,
    ...(file.size !== undefined && { size: file.size }),
  };
}

/** A wheel as a row's file; the path of one in a folder of this machine is relative to `directory`. */
export function wheelToPylock(wheel: WheelFile, directory: string): PylockFile {
  const isLocal = wheel.url.startsWith("file:");
  return {
    ...(isLocal ? { path: relativePath(directory, fileURLToPath(wheel.url)) } : { url: wheel.url }),
    ...(wheel.size !== undefined && { size: wheel.size }),
    hashes: { sha256: wheel.sha256 },
  };
}
