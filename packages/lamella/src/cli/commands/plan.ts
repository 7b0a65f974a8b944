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
        brief: "Print the plans as data",
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
      "Prints the pinned base, the locked packages and the layers that a build would make or take from an\nearlier one. Nothing is built.",
      [
        ["lamella plan image.ts", "Read it"],
        ["lamella plan image.ts --json > before.json", "Keep it, to compare it with a later one"],
      ],
    ),
  },
});
