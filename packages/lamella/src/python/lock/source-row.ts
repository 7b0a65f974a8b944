import type { SourceFile } from "../lock.ts";
import type { PylockFile } from "../pylock.ts";

/** Longest name of a file on any common filesystem, in bytes. */
const longestName = 255;

/** A row's source distribution. Throws an Error that says what is wrong with it. */
export function sourceFromPylock({ url: address = "", hashes, size }: PylockFile): SourceFile {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Error("the address of its source is no https: URL");
  }
  if (url.username !== "" || url.password !== "") {
    throw new Error("the address of its source holds a user name or password");
  }
  url.hash = "";
  const filename = decodeURIComponent(url.pathname.split("/").at(-1) ?? "");
  // It becomes the name of a file, and an argument.
  if (!/^[A-Za-z0-9][A-Za-z0-9._+!-]*\.(?:tar\.gz|tgz|zip|tar\.bz2|tar\.xz)$/.test(filename)) {
    throw new Error("the address of its source does not end in the name of an archive");
  }
  if (filename.length > longestName) throw new Error("the name of its source is too long");
  const sha256 = hashes["sha256"];
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new Error(`the source ${filename} has no SHA-256 hash`);
  }
  return { filename, url: url.href, sha256, ...(size !== undefined && { size }) };
}
