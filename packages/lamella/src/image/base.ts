import { show } from "./argument.ts";
import { DefinitionError, MissingFlyteVersionError, PythonVersionError } from "./error.ts";
import { isTag, parseReference } from "./reference.ts";

/** What an image starts from. */
export type BaseDefinition = RegistryBase | DebianBase;

/** An image in a registry, as the definition's author names it. */
export interface RegistryBase {
  readonly kind: "registry";
  readonly reference: string;
}

/** Debian with Python, whose reference follows from versions. */
export interface DebianBase {
  readonly kind: "debian";
  /** The version of Flyte that it has installed, without a leading `v`; absent for a plain Python image. */
  readonly flyteVersion?: string;
  /** An image to start from in its place. */
  readonly image?: string;
}

/** A user that the image has and its base does not: made by edits of `/etc/passwd` and the like, not by a command. */
export interface UserDefinition {
  readonly name: string;
  readonly shell: string;
  /** Absolute. */
  readonly home: string;
  /** Directories that the user owns, home among them. */
  readonly owns: readonly string[];
}

/** Python versions that the image with Flyte is published for. */
export const flytePythonVersions: readonly string[] = ["3.10", "3.11", "3.12", "3.13", "3.14"];

/** What a plain Python image gets to be one that Flyte's tasks run in. No PATH: whoever makes the venv puts it there. */
export const plainPython: {
  readonly user: UserDefinition;
  readonly environment: Readonly<Record<string, string>>;
  readonly workdir: string;
} = {
  user: {
    name: "flyte",
    shell: "/bin/bash",
    home: "/home/flyte",
    owns: ["/home/flyte", "/root"],
  },
  environment: { VIRTUAL_ENV: "/opt/venv", PYTHONPATH: "/root", UV_LINK_MODE: "copy" },
  workdir: "/home/flyte",
};

/** The reference of a base, as short as it may be written. `pythonVersion` is the image's. */
export function baseReference(base: BaseDefinition, pythonVersion: string | undefined): string {
  switch (base.kind) {
    case "registry":
      return base.reference;
    case "debian":
      if (base.image !== undefined) return base.image;
      return base.flyteVersion === undefined
        ? `docker.io/library/python:${pythonVersion}-slim-bookworm`
        : `ghcr.io/flyteorg/flyte:py${pythonVersion}-v${base.flyteVersion.replaceAll("+", "-")}`;
    default:
      throw new DefinitionError(
        `Unknown kind of base: ${show((base as { readonly kind?: unknown }).kind)}.`,
        "A newer Lamella may know it: update.",
      );
  }
}

/** What of {@link FromDebianBaseOptions} decides the base. */
export interface DebianBaseChoice {
  readonly installFlyte: boolean;
  readonly flyteVersion: string | undefined;
  readonly baseImage: string | undefined;
  readonly pythonVersion: string;
}

/**
 * The base that options of `fromDebianBase` mean. Raises {@link MissingFlyteVersionError}, {@link PythonVersionError}
 * when Flyte is not published for that Python, {@link DefinitionError} for options that contradict each other, and
 * {@link InvalidReferenceError}.
 */
export function debianBase(choice: DebianBaseChoice): DebianBase {
  const call = "fromDebianBase";
  const { installFlyte, flyteVersion, baseImage, pythonVersion } = choice;
  if (flyteVersion !== undefined && (!installFlyte || baseImage !== undefined)) {
    throw new DefinitionError(
      `${call}: flyteVersion is ${show(flyteVersion)}, and ${installFlyte ? "baseImage names another base" : "installFlyte is false"}.`,
      "Leave one of them out.",
    );
  }
  if (baseImage !== undefined) {
    parseReference(baseImage);
    return { kind: "debian", image: baseImage };
  }
  if (!installFlyte) return { kind: "debian" };
  if (flyteVersion === undefined) throw new MissingFlyteVersionError();
  const version = flyteVersion.replace(/^v/, "");
  if (!/^\d/.test(version) || !isTag(version.replaceAll("+", "-"))) {
    throw new DefinitionError(
      `${call}: flyteVersion is ${show(flyteVersion)}.`,
      'Give a released version, as in "2.0.0".',
    );
  }
  requireFlytePython(pythonVersion);
  return { kind: "debian", flyteVersion: version };
}

/** Raises {@link PythonVersionError} for a Python that the image with Flyte is not published for. */
export function requireFlytePython(pythonVersion: string): void {
  if (flytePythonVersions.includes(pythonVersion)) return;
  throw new PythonVersionError(
    `The image with Flyte is not published for Python ${pythonVersion}.`,
    `It is for ${flytePythonVersions.join(", ")}: give one of these as pythonVersion,\n` +
      "or start from a plain Python image with { installFlyte: false }.",
  );
}
