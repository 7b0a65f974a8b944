import { buildCommand, type Command } from "@stricli/core";
import { parsePlatform } from "../../image/platform.ts";
import type { CliContext } from "../context.ts";
import { commonFlags, teach } from "./parameters.ts";

export const run: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/run.ts")).runAction,
  parameters: {
    flags: {
      env: {
        kind: "parsed",
        parse: parseVariable,
        variadic: true,
        optional: true,
        placeholder: "NAME=VALUE",
        brief: "NAME=VALUE in the command's environment (repeatable)",
      },
      workdir: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "PATH",
        brief: "PATH in the image to run the command in",
      },
      user: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "USER",
        brief: "USER of the image to run the command as",
      },
      platform: {
        kind: "parsed",
        parse: parsePlatform,
        optional: true,
        placeholder: "OS/ARCH",
        brief: "OS/ARCH instead of this machine's, through an emulator that the kernel knows",
      },
      ...commonFlags,
    },
    positional: {
      kind: "array",
      minimum: 1,
      parameter: {
        brief: "FILE[#NAME] or REFERENCE, then -- and the command with its arguments",
        placeholder: "IMAGE -- COMMAND",
        parse: String,
      },
    },
  },
  docs: {
    brief: "Run a command in a built image",
    customUsage: ["FILE[#NAME] -- COMMAND…", "REFERENCE -- COMMAND…"],
    fullDescription: teach(
      "Runs a command in an image from the local store or from its registry; without a command, the image's own.\nNothing that it writes is kept. Needs Linux and root.\nEnds with the command's exit code, or with 127 where the image lacks the command.",
      [
        ["lamella run image.ts -- python train.py", "In the image that this definition describes"],
        ["lamella run localhost:5000/iris:v1 -- python", "In an image by name"],
        [
          "lamella run image.ts --platform linux/arm64 -- python",
          "Through qemu, where that is registered",
        ],
        ["lamella run image.ts --env DEBUG=1 -- python -m pytest -x", "Options go before --"],
      ],
    ),
  },
});

/** Reads `NAME=VALUE`. */
function parseVariable(text: string): readonly [string, string] {
  const equals = text.indexOf("=");
  if (equals <= 0) throw new Error("It takes NAME=VALUE");
  return [text.slice(0, equals), text.slice(equals + 1)];
}
