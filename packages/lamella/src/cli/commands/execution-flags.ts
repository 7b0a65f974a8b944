import type { FlagParametersForType } from "@stricli/core";
import type { BuildOptions } from "../../builders/builder.ts";
import { aboveZero, parseDuration, parseSize } from "../../config/limits.ts";
import type { SecretSource } from "../../engine/secrets/find-secrets.ts";
import type { CliContext } from "../context.ts";
import { inFolder, parseSecret } from "./secret-option.ts";

/** What commands of an image are executed with: options of the commands that build. */
export interface ExecutionFlags {
  readonly secret?: readonly SecretSource[];
  /** Milliseconds. */
  readonly stepTimeout?: number;
  /** Bytes. */
  readonly stepMemory?: number;
}

export const executionFlags: FlagParametersForType<ExecutionFlags, CliContext> = {
  secret: {
    kind: "parsed",
    parse: parseSecret,
    variadic: true,
    optional: true,
    placeholder: "id=KEY,src=FILE",
    brief: "A secret's value, or env=NAME (repeatable)",
  },
  stepTimeout: {
    kind: "parsed",
    parse: aboveZero(parseDuration),
    optional: true,
    placeholder: "TIME",
    brief: "TIME that each command may take: 30m",
  },
  stepMemory: {
    kind: "parsed",
    parse: aboveZero(parseSize),
    optional: true,
    placeholder: "SIZE",
    brief: "SIZE of memory that each command may have: 4GB",
  },
};

/** What the flags mean to a builder; files are relative to a folder. */
export function executionOptions(
  { secret, stepTimeout, stepMemory }: ExecutionFlags,
  folder: string,
): BuildOptions {
  return {
    ...(secret && { secrets: secret.map((source) => inFolder(source, folder)) }),
    stepLimits: {
      ...(stepTimeout !== undefined && { timeout: stepTimeout }),
      ...(stepMemory !== undefined && { memory: stepMemory }),
    },
  };
}
