import { buildCommand, type Command } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { commonFlags, teach } from "./parameters.ts";

export const defaultImage: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/default-image.ts")).defaultImageAction,
  parameters: {
    flags: {
      python: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "X.Y",
        brief: "X.Y of the Python that it is to have, not the project's",
      },
      version: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "VERSION",
        brief:
          "VERSION of flytekit (1.10.0) or flyte (2.0.0) that it is to have, not the project's",
      },
      explain: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Say who decides, and what the others would have said",
      },
      ...commonFlags,
    },
  },
  docs: {
    brief: "Print the image for tasks that name none",
    customUsage: ["[--explain]", "[--python X.Y] [--version VERSION] [--explain]"],
    fullDescription: teach(
      "Prints what a plugin says, else the variable FLYTE_INTERNAL_IMAGE_ENV_VAR (or FLYTE_INTERNAL_IMAGE), else the\npublished image for the project: with the Python that .python-version or requires-python says, else that of\npython3 on PATH; with the flyte or flytekit that the project's lock has, else that Python.\nAsked for one Python or one version, it is the published image.",
      [
        ["lamella default-image", "The image"],
        ["lamella default-image --explain", "And why it is that one"],
        [
          "lamella default-image --python 3.11 --version 1.10.0",
          "The published one for these versions",
        ],
      ],
    ),
  },
});
