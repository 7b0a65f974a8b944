import { buildCommand, type Command } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { progressModes } from "../progress/choose-renderer.ts";
import { executionFlags } from "./execution-flags.ts";
import { parseOutput } from "./output-option.ts";
import { commonFlags, definitionPositional, planningFlags, teach } from "./parameters.ts";

export const build: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/build.ts")).buildAction,
  parameters: {
    flags: {
      output: {
        kind: "parsed",
        parse: parseOutput,
        optional: true,
        placeholder: "oci:DIR",
        brief: "oci:DIR writes an OCI layout instead of pushing",
      },
      tag: {
        kind: "parsed",
        parse: String,
        variadic: true,
        optional: true,
        placeholder: "TAG",
        brief: "One more TAG in the repository (repeatable)",
      },
      force: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Build anew, and overwrite a tag of your own",
      },
      ...planningFlags,
      builder: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "NAME",
        brief: "NAME of the plugin that builds, or local",
      },
      locked: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Fail unless the lock beside FILE fits",
      },
      push: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Fail unless there is a registry to push to",
      },
      ...executionFlags,
      metadataFile: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "FILE",
        brief: "FILE to write the results to, as JSON",
      },
      progress: {
        kind: "enum",
        values: progressModes,
        default: "auto",
        brief: "How to show what happens",
      },
      ...commonFlags,
    },
    positional: definitionPositional,
  },
  docs: {
    brief: "Build an image and push it",
    customUsage: ["FILE[#NAME] [options]"],
    fullDescription: teach(
      "Builds the images of a definition file and pushes them to their registry, or keeps them in the local store\nwhen they name none. Prints name, digest, layers and time.",
      [
        ["lamella build image.ts", "Build and push"],
        [
          "lamella build image.ts#trainer --tag latest",
          "One of several images, and a tag beside its own",
        ],
        ["lamella build image.ts --output oci:out", "Write an OCI layout to ./out"],
        [
          "lamella build image.ts --secret id=token,src=token.txt",
          "A value for a secret that the definition names",
        ],
        ["lamella build image.ts --locked --push", "In CI: what the lock says, or nothing"],
        [
          "lamella build image.ts --cache-from ghcr.io/acme/app:cache",
          "On a fresh machine: with what another one found out",
        ],
        [
          "image=$(lamella build image.ts --progress quiet)",
          "In a script: only the name and digest",
        ],
      ],
    ),
  },
});
