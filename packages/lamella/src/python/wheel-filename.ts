import { isDistributionName, normalizeName } from "./distribution-name.ts";
import { InvalidWheelFilenameError } from "./resolution-error.ts";

/** What a wheel's file name says (PEP 427, "File name convention"). */
export interface WheelFilename {
  readonly filename: string;
  /** Normalized name of the distribution. */
  readonly name: string;
  /** As written in the file name, `_` for `-` in a local version included. */
  readonly version: string;
  /** Build tag as PEP 427 sorts it: its leading digits, then the rest; absent when the wheel has none. */
  readonly build?: { readonly number: number; readonly suffix: string };
  readonly pythonTags: readonly string[];
  readonly abiTags: readonly string[];
  readonly platformTags: readonly string[];
}

/** Longest file name of any common filesystem, in bytes; also bounds the compressed tag sets of hostile names. */
const maximumLength = 255;

const validVersion = /^[A-Za-z0-9_.!+]+$/;
const validTags = /^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*$/;
const validBuild = /^(\d{1,9})([A-Za-z0-9_.]*)$/;

/**
 * Parses the last segment of a wheel's URL or path, percent decoded. Raises {@link InvalidWheelFilenameError}.
 *
 * @example
 * parseWheelFilename("numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl").abiTags; // ["cp311"]
 */
export function parseWheelFilename(filename: string): WheelFilename {
  const invalid = (why: string): InvalidWheelFilenameError =>
    new InvalidWheelFilenameError(
      `${JSON.stringify(filename.slice(0, 300))} is not the name of a wheel: ${why}.`,
      "A wheel is named NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl (PEP 427); rename it as its builder made it.",
    );
  if (!filename.endsWith(".whl")) throw invalid("it does not end in .whl");
  if (filename.length > maximumLength) throw invalid("it is too long");
  const parts = filename.slice(0, -".whl".length).split("-");
  if (parts.length !== 5 && parts.length !== 6) {
    throw invalid("it does not have five or six parts between hyphens");
  }
  const [name = "", version = ""] = parts;
  const [python = "", abi = "", platform = ""] = parts.slice(-3);
  const build = parts.length === 6 ? validBuild.exec(parts[2] ?? "") : undefined;
  if (!isDistributionName(name)) throw invalid("its first part is no name of a distribution");
  if (!validVersion.test(version)) throw invalid("its second part is no version");
  if (build === null) throw invalid("its build tag does not begin with a digit");
  if (!validTags.test(python) || !validTags.test(abi) || !validTags.test(platform)) {
    throw invalid("its last three parts are no tags");
  }
  return {
    filename,
    name: normalizeName(name),
    version,
    ...(build && { build: { number: Number(build[1]), suffix: build[2] ?? "" } }),
    pythonTags: python.split("."),
    abiTags: abi.split("."),
    platformTags: platform.split("."),
  };
}

/** The file name at the end of a wheel's URL. Raises {@link InvalidWheelFilenameError}. */
export function wheelFilenameOfUrl(url: string): string {
  let last: string;
  try {
    last = decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "");
  } catch {
    throw new InvalidWheelFilenameError(
      `The address of a wheel cannot be read: ${JSON.stringify(url.slice(0, 300))}.`,
      "Use an absolute https: or file: URL that ends in the wheel's file name.",
    );
  }
  return last;
}

/** Whether a wheel is for any platform: then its layers are the same in the images of all platforms. */
export function isForAnyPlatform(filename: string): boolean {
  return parseWheelFilename(filename).platformTags.includes("any");
}
