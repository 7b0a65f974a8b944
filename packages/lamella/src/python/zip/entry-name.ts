import { isUtf8 } from "node:buffer";
import type { ZipFile } from "./zip-file.ts";

/** The longest name in bytes that a Linux path may have (`PATH_MAX`), which bounds memory too. */
const longestName = 4096;

/** Control characters, which no package needs in a name and which can make a terminal lie. */
const control = /\p{Cc}/u;

/**
 * Decodes a name and makes sure that it stays inside: relative, `/` only, no `.` or `..`, nothing that Windows or a
 * terminal would take for something else. A directory's trailing `/` is taken off. Wheels have UTF-8 names whatever
 * their flags say (binary distribution format, "File contents"). Raises InvalidWheelError.
 */
export function parseEntryName(
  bytes: Buffer,
  file: ZipFile,
): { readonly name: string; readonly directory: boolean } {
  const text = bytes.toString("utf8");
  const refuse = (why: string): never => {
    throw file.invalid(`the name ${JSON.stringify(text.slice(0, 300))} in it ${why}`);
  };
  if (!isUtf8(bytes)) refuse("is not UTF-8");
  if (bytes.length > longestName) refuse(`is longer than ${longestName} bytes`);
  if (control.test(text)) refuse("has control characters");
  if (text.includes("\\")) refuse("has a backslash");
  if (text.startsWith("/")) refuse("is absolute");
  if (/^[A-Za-z]:/.test(text)) refuse("begins with a drive");
  const directory = text.endsWith("/");
  const name = directory ? text.slice(0, -1) : text;
  for (const segment of name.split("/")) {
    if (segment === "..") refuse("leads out of the wheel");
    if (segment === "" || segment === ".") refuse("has an empty part or '.'");
  }
  return { name, directory };
}
