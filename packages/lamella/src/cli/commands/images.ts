import { buildCommand, type Command } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { commonFlags, imageFlags, teach } from "./parameters.ts";

export const images: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/images.ts")).imagesAction,
  parameters: {
    flags: {
      ...imageFlags,
      json: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Print them as data, as the Python SDK's ImageConfig has them",
      },
      ...commonFlags,
    },
  },
  docs: {
    brief: "List the images that the configuration gives names to",
    customUsage: ["[--image NAME=REF] [--json]"],
    fullDescription: teach(
      "Lists the default image and the images that the configuration file names, with what says so:\n[images] of an INI file, images: or image.image_refs: of a YAML file, and --image.",
      [
        ["lamella images", "Name, image, and what says so"],
        ["lamella images --image spark=ghcr.io/acme/spark:v2", "With another one for spark"],
        ["lamella images --json", "As data"],
      ],
    ),
  },
});
