import type { FlagParametersForType, TypedPositionalParameters } from "@stricli/core";
import type { BuildOptions } from "../../builders/builder.ts";
import { parseImageValue } from "../../config/image-value.ts";
import type { NamedImage } from "../../config/named-image.ts";
import { type Platform, parsePlatform } from "../../image/platform.ts";
import type { CliContext } from "../context.ts";

/** Options that every command has. */
export interface CommonFlags {
  readonly config?: string;
  readonly debug?: boolean;
}

export const commonFlags: FlagParametersForType<CommonFlags, CliContext> = {
  config: {
    kind: "parsed",
    parse: String,
    optional: true,
    placeholder: "FILE",
    brief: "FILE with settings, not the first that is found",
  },
  debug: {
    kind: "boolean",
    optional: true,
    withNegated: false,
    brief: "Show the stack and the causes of an error",
  },
};

/** What an image is resolved with: options of the commands that plan. */
export interface PlanningFlags {
  readonly upgrade?: boolean;
  readonly platform?: readonly Platform[];
  readonly cacheTo?: string;
  readonly cacheFrom?: readonly string[];
}

export const planningFlags: FlagParametersForType<PlanningFlags, CliContext> = {
  upgrade: {
    kind: "boolean",
    optional: true,
    withNegated: false,
    brief: "Look for newer packages and a newer base",
  },
  platform: {
    kind: "parsed",
    parse: parsePlatform,
    variadic: ",",
    optional: true,
    placeholder: "OS/ARCH",
    brief: "OS/ARCH instead of the definition's (repeatable)",
  },
  cacheTo: {
    kind: "parsed",
    parse: String,
    optional: true,
    placeholder: "REF",
    brief: "REF in a registry to put a cache to",
  },
  cacheFrom: {
    kind: "parsed",
    parse: String,
    variadic: true,
    optional: true,
    placeholder: "REF",
    brief: "REF of a cache to believe (repeatable)",
  },
};

/** What the flags mean to a builder. */
export function planningOptions({
  upgrade,
  platform,
  cacheTo,
  cacheFrom,
}: PlanningFlags): BuildOptions {
  return {
    ...(upgrade && { upgrade }),
    ...(platform && { platforms: platform }),
    ...(cacheTo !== undefined && { cacheTo }),
    ...(cacheFrom && { cacheFrom }),
  };
}

/** What images are called: an option of the commands that know them by friendly names. */
export interface ImageFlags {
  readonly image?: readonly NamedImage[];
}

export const imageFlags: FlagParametersForType<ImageFlags, CliContext> = {
  image: {
    kind: "parsed",
    parse: parseImageValue,
    variadic: true,
    optional: true,
    placeholder: "NAME=REF",
    brief:
      "REF that NAME stands for, not the configured one (repeatable); REF alone is the default image",
  },
};

/** `FILE` or `FILE#NAME`. */
export const definitionPositional: TypedPositionalParameters<readonly [string], CliContext> = {
  kind: "tuple",
  parameters: [
    {
      brief: "Definition, and which of its exports (the default one, else all images)",
      placeholder: "FILE[#NAME]",
      parse: String,
    },
  ],
};

/** A description with examples below it: commands are learnt from those. */
export function teach(
  description: string,
  examples: readonly (readonly [string, string])[],
): string {
  const width = Math.max(...examples.map(([command]) => command.length));
  const lines = examples.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`);
  return `${description}\n\nEXAMPLES\n${lines.join("\n")}`;
}
