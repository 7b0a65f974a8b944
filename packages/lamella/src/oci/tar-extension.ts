import { decodeName } from "./tar-block.ts";

const xattrPrefix = "SCHILY.xattr.";

/** What the headers before an entry's own say about it. */
export interface TarExtension {
  readonly pax: ReadonlyMap<string, Uint8Array>;
  readonly longName: Uint8Array | undefined;
  readonly longLink: Uint8Array | undefined;
}

export const noExtension: TarExtension = {
  pax: new Map(),
  longName: undefined,
  longLink: undefined,
};

/** Extended attributes by name. Throws a RangeError. */
export function xattrsOf(extension: TarExtension): ReadonlyMap<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
  for (const [key, value] of extension.pax) {
    if (key.startsWith(xattrPrefix)) {
      const name = key.slice(xattrPrefix.length);
      if (name === "" || name.includes("\0")) {
        throw new RangeError("an extended attribute without a name");
      }
      xattrs.set(name, value);
    }
  }
  return xattrs;
}

/** A number of an extended header; undefined where there is none. Throws a RangeError. */
export function paxInteger(extension: TarExtension, key: string): number | undefined {
  const value = paxValue(extension, key);
  if (value === undefined) {
    return undefined;
  }
  const digits = decodeName(value);
  if (!/^[0-9]{1,16}$/.test(digits)) {
    throw new RangeError(`a PAX ${key} that is no number`);
  }
  return Number(digits);
}

/** The time of an extended header, in seconds. Throws a RangeError. */
export function paxTime(extension: TarExtension): number | undefined {
  const value = paxValue(extension, "mtime");
  if (value === undefined) {
    return undefined;
  }
  const digits = decodeName(value);
  if (!/^-?[0-9]{1,16}(\.[0-9]{0,32})?$/.test(digits)) {
    throw new RangeError("a PAX mtime that is no time");
  }
  return Number(digits);
}

/** A value of an extended header. An empty one means that the plain header counts (POSIX.1-2017, pax). */
export function paxValue(extension: TarExtension, key: string): Uint8Array | undefined {
  const value = extension.pax.get(key);
  return value === undefined || value.length === 0 ? undefined : value;
}
