import { baseReference, debianBase } from "../../image/base.ts";
import { PythonVersionError } from "../../image/error.ts";
import {
  defaultPythonVersion,
  requirePythonVersion,
  statedPythonVersion,
} from "../../image/python-version.ts";
import { isTag } from "../../image/reference.ts";
import { DefaultImageError } from "../error.ts";
import { type FlyteVersion, installedFlyte, lockedFlyte } from "./flyte-version.ts";
import { askInterpreter, type Interpreter } from "./interpreter.ts";

/** Options of {@link DefaultImages.findImageFor}. */
export interface FindImageOptions {
  /** `3.12`. If absent the project's, else that of `python3` on PATH. */
  readonly pythonVersion?: string | undefined;
  /** Version of `flytekit`, the first generation of the Python SDK. */
  readonly flytekitVersion?: string | undefined;
  /** Version of `flyte`, its second generation. With neither, what the project's lock installs, else that Python. */
  readonly flyteVersion?: string | undefined;
  /** The project's folder; this process's if absent. */
  readonly cwd?: string | undefined;
  /** For PATH; this process's if absent. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A published image, and what it was chosen by. */
export interface FoundImage {
  readonly image: string;
  readonly python: { readonly version: string; readonly source: string };
  readonly flyte: FlyteVersion;
}

/** Python versions that the image with flytekit is published for. */
const flytekitPythonVersions: readonly string[] = ["3.8", "3.9", "3.10", "3.11", "3.12"];

/** The published image that fits the options, the project and the machine: see {@link DefaultImages.findImageFor}. */
export async function findImage(options: FindImageOptions): Promise<FoundImage> {
  const { cwd = process.cwd(), env = process.env } = options;
  const stated = givenPython(options) ?? statedPython(cwd);
  const known = givenFlyte(options) ?? lockedFlyte(cwd);
  const interpreter = stated && known ? undefined : await askInterpreter(cwd, env);
  const python = stated ?? ownPython(interpreter);
  const flyte = known ?? (interpreter && installedFlyte(interpreter)) ?? unknownFlyte;
  return { image: publishedImage(python.version, flyte), python, flyte };
}

/** What the name of the image with the installed flytekit ends in: see {@link DefaultImages.getVersionSuffix}. */
export async function findVersionSuffix(options: FindImageOptions): Promise<string> {
  const { cwd = process.cwd(), env = process.env } = options;
  const known = givenFlyte(options) ?? lockedFlyte(cwd, ["flytekit"]);
  const interpreter = known ? undefined : await askInterpreter(cwd, env);
  return versionSuffix(
    known ?? (interpreter && installedFlyte(interpreter, ["flytekit"])) ?? unknownFlyte,
  );
}

function versionSuffix({ version, source }: FlyteVersion): string {
  if (version === undefined) return "latest";
  // A development version that is installed is published nowhere; one that is asked for is the caller's business.
  if (source !== given && version.includes("dev")) return "latest";
  return version.replace(/^v/, "");
}

/** {@link FlyteVersion.source} of a version that the caller gives. */
const given = "as asked for";

const unknownFlyte: FlyteVersion = { package: "flytekit", source: "none is locked or installed" };

function givenPython({ pythonVersion }: FindImageOptions): FoundImage["python"] | undefined {
  if (pythonVersion === undefined) return undefined;
  return { version: requirePythonVersion(pythonVersion, "pythonVersion"), source: given };
}

function statedPython(cwd: string): FoundImage["python"] | undefined {
  const stated = statedPythonVersion(cwd);
  return stated && { version: stated.version, source: stated.file };
}

function ownPython(interpreter: Interpreter | undefined): FoundImage["python"] {
  return interpreter
    ? { version: interpreter.pythonVersion, source: "python3" }
    : { version: defaultPythonVersion, source: "nothing says one" };
}

function givenFlyte({ flyteVersion, flytekitVersion }: FindImageOptions): FlyteVersion | undefined {
  if (flyteVersion !== undefined && flytekitVersion !== undefined) {
    throw new DefaultImageError(
      `Both flyteVersion and flytekitVersion are given: ${flyteVersion} and ${flytekitVersion}.`,
      "Leave one of them out: each has an image of its own.",
    );
  }
  if (flyteVersion !== undefined) return { package: "flyte", version: flyteVersion, source: given };
  if (flytekitVersion === undefined) return undefined;
  return { package: "flytekit", version: flytekitVersion, source: given };
}

function publishedImage(pythonVersion: string, flyte: FlyteVersion): string {
  if (flyte.package === "flyte") {
    const choice = { installFlyte: true, flyteVersion: flyte.version, baseImage: undefined };
    return baseReference(debianBase({ ...choice, pythonVersion }), pythonVersion);
  }
  if (!flytekitPythonVersions.includes(pythonVersion)) {
    throw new PythonVersionError(
      `The image with flytekit is not published for Python ${pythonVersion}.`,
      `It is for ${flytekitPythonVersions.join(", ")}: ask for one of these,\nor give the version of flyte, for its second generation.`,
    );
  }
  const tag = `py${pythonVersion}-${versionSuffix(flyte)}`;
  if (!isTag(tag)) {
    throw new DefaultImageError(
      `${JSON.stringify(flyte.version)} cannot be a version of flytekit.`,
      'Give a released version, as in "1.10.0".',
    );
  }
  return `cr.flyte.org/flyteorg/flytekit:${tag}`;
}
