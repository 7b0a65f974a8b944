import { buildCommand, type Command } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { commonFlags, definitionPositional, teach } from "./parameters.ts";

export const id: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/id.ts")).idAction,
  parameters: { flags: commonFlags, positional: definitionPositional },
  docs: {
    brief: "Print an image's identifier and name",
    customUsage: ["FILE[#NAME]"],
    fullDescription: teach(
      "Prints the identifier (a hash of the whole definition, files included) and the name of each image,\nseparated by a tab; then the export that it is, unless that is the default one.\nNothing is built, and no network is needed.",
      [
        ["lamella id image.ts", "Identifier and name"],
        ["lamella id image.ts | cut -f2", "Only the name, for example to deploy it"],
      ],
    ),
  },
});
