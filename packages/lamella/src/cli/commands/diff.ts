import { buildCommand, type Command } from "@stricli/core";
import { parsePlatform } from "../../image/platform.ts";
import type { CliContext } from "../context.ts";
import { executionFlags } from "./execution-flags.ts";
import { commonFlags, planningFlags, teach } from "./parameters.ts";

export const diff: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/diff.ts")).diffAction,
  parameters: {
    flags: {
      platform: {
        kind: "parsed",
        parse: parsePlatform,
        optional: true,
        placeholder: "OS/ARCH",
        brief: "OS/ARCH to compare, instead of this machine's",
      },
      ...executionFlags,
      cacheFrom: planningFlags.cacheFrom,
      json: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Print all differences as data",
      },
      ...commonFlags,
    },
    positional: {
      kind: "tuple",
      parameters: [
        {
          brief: "FILE[#NAME], REFERENCE, sha256:DIGEST of the local store, or oci:DIR[:NAME]",
          placeholder: "BEFORE",
          parse: String,
        },
        {
          brief: "The image to compare it with, named in one of the same ways",
          placeholder: "AFTER",
          parse: String,
        },
      ],
    },
  },
  docs: {
    brief: "Show how two images differ",
    customUsage: ["BEFORE AFTER [options]"],
    fullDescription: teach(
      "Shows which packages, layers, files, variables and settings the second image adds, removes or changes.\nA definition is built for that, into the local store: nothing is pushed or tagged.",
      [
        ["lamella diff ghcr.io/acme/iris:prod image.ts", "What a deployment would change"],
        ["lamella diff acme/iris:v1 acme/iris:v2 --json", "For programs"],
        ["lamella diff oci:before oci:after", "Two OCI layouts"],
      ],
    ),
  },
});
