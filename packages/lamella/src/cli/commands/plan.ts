import { buildCommand, type Command } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { commonFlags, definitionPositional, planningFlags, teach } from "./parameters.ts";

export const plan: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/plan.ts")).planAction,
  parameters: {
    flags: {
      json: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Print the plans as data, with what is there already",
      },
      progress: {
        kind: "enum",
        values: ["auto", "tty", "plain", "quiet"],
        default: "auto",
        brief: "How to show what happens",
      },
      ...planningFlags,
      ...commonFlags,
    },
    positional: definitionPositional,
  },
  docs: {
    brief: "Print what would be built, and why",
    customUsage: ["FILE[#NAME] [options]"],
    fullDescription: teach(
      "Prints whether the image is there, the pinned base, the locked packages and the layers that a build would\nmake or take from an earlier one. Nothing is built. What happens meanwhile goes to stderr.",
      [
        ["lamella plan image.ts", "Read it"],
        ["lamella plan image.ts --json > before.json", "Keep it, to compare it with a later one"],
      ],
    ),
  },
});
