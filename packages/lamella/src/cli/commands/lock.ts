import { buildCommand, type Command } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { commonFlags, definitionPositional, teach } from "./parameters.ts";

export const lock: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/lock.ts")).lockAction,
  parameters: {
    flags: {
      upgrade: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Look for newer packages and a newer base instead of keeping what is locked",
      },
      force: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Replace the lock of another definition in the folder whose image has the same name",
      },
      ...commonFlags,
    },
    positional: definitionPositional,
  },
  docs: {
    brief: "Write the lock beside a definition",
    customUsage: ["FILE[#NAME] [options]"],
    fullDescription: teach(
      "Writes pylock.NAME.toml beside the definition: each package with its version and hash, the base's digest,\nthe order of the layers. Builds use it from then on; commit it, and two machines build the same bytes.\nNAME is the image's: definitions in one folder that ask for other packages need images of other names.",
      [
        ["lamella lock image.ts", "Write or complete the lock"],
        ["lamella lock image.ts --upgrade", "Lock the newest versions that fit"],
        ["lamella build image.ts --locked", "Build what the lock says, or nothing"],
      ],
    ),
  },
});
