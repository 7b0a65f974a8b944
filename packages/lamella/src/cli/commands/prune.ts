import { buildCommand, type Command } from "@stricli/core";
import { parseDuration, parseSize } from "../../config/limits.ts";
import type { CliContext } from "../context.ts";
import { commonFlags, teach } from "./parameters.ts";

export const prune: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/prune.ts")).pruneAction,
  parameters: {
    flags: {
      olderThan: {
        kind: "parsed",
        parse: parseDuration,
        optional: true,
        placeholder: "TIME",
        brief: "Remove what was not used for TIME: 30d (which is the default), 12h, 2w",
      },
      maxSize: {
        kind: "parsed",
        parse: parseSize,
        optional: true,
        placeholder: "SIZE",
        brief: "Remove what was not used for longest, until SIZE is left: 20GB",
      },
      all: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Remove everything that no running command uses",
      },
      dryRun: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Say what would go, and remove nothing",
      },
      ...commonFlags,
    },
  },
  docs: {
    brief: "Remove what is no longer used from the local store",
    customUsage: ["[--older-than TIME] [--max-size SIZE] [--dry-run]", "--all [--dry-run]"],
    fullDescription: teach(
      "Removes wheels, layers, unpacked layers, caches and tools from the local store. What is needed again is fetched\nor made again; so is an image that was never pushed. What a running command uses stays, and it does not wait.",
      [
        ["lamella prune", "What was not used for 30 days"],
        ["lamella prune --max-size 20GB", "What was not used for longest, down to 20 GB"],
        ["lamella prune --all --dry-run", "See what there is"],
      ],
    ),
  },
});
