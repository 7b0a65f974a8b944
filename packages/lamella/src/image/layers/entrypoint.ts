import type { CanonicalValue } from "../../files/canonical.ts";
import { requireOptions, requireTextList, splitTexts } from "../argument.ts";
import { DefinitionError } from "../error.ts";
import { present } from "../present.ts";

/** Options of {@link Image.withEntrypoint}. */
export interface EntrypointOptions {
  /** Arguments of the program that a run which gives none has: a Dockerfile's `CMD`. */
  readonly command?: readonly string[] | undefined;
}

/** What runs in the image. */
export interface EntrypointLayer {
  readonly kind: "entrypoint";
  /** The program and its first arguments, at least the program. */
  readonly entrypoint: readonly string[];
  readonly command?: readonly string[];
}

const call = "withEntrypoint";

export function entrypointLayer(args: readonly unknown[]): EntrypointLayer {
  const { texts, options } = splitTexts(args, call, `${call}: a part`);
  if (texts.length === 0) {
    throw new DefinitionError(
      `${call} names no program.`,
      'Name the program, then its arguments: ("python", "-m", "app").',
    );
  }
  const { command } = requireOptions(options, call, ["command"]);
  return {
    kind: "entrypoint",
    entrypoint: texts,
    ...present({
      command:
        command === undefined
          ? undefined
          : requireTextList(command, `${call}: command`, `${call}: a part of command`),
    }),
  };
}

export function encodeEntrypoint({ entrypoint, command }: EntrypointLayer): CanonicalValue {
  return { entrypoint, command };
}
