import { buildCommand, type Command } from "@stricli/core";
import type { CliContext } from "../context.ts";
import { commonFlags, imageFlags, teach } from "./parameters.ts";

const example = `  # config.yaml
  image:
    registry: ghcr.io/acme              # of images that name none
    builder: local                      # or the name of a plugin
    image_refs:
      spark: ghcr.io/acme/spark:v2      # images by a friendly name
  lamella:
    registries:
      docker.io: { mirror: localhost:5000, plainHttp: true }
      registry.acme.com: { ca: acme-ca.pem }
    python:
      indexUrl: https://packages.acme.com/simple
      extraIndexUrls: [https://other.acme.com/simple]
      findLinks: [./wheels]
      noIndex: false
    store: ~/lamella
    cache: { to: ghcr.io/acme/app:cache, from: [ghcr.io/acme/app:cache] }
    steps: { timeout: 30m, memory: 4GB }
    plugins: ["@acme/lamella-plugin"]   # packages, or paths of modules`;

export const config: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/config.ts")).configAction,
  parameters: {
    flags: {
      ...imageFlags,
      json: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Print the settings as data",
      },
      ...commonFlags,
    },
  },
  docs: {
    brief: "Show every setting, and where it comes from",
    customUsage: ["[--config FILE] [--json]"],
    fullDescription: teach(
      `Shows every setting that commands work with, under the name that it has in a file, and who set it: an option, a\nvariable, or a place in a configuration file. One file is read: --config, else the first that is there of\n./config.yaml, ./.flyte/config.yaml, .flyte/config.yaml at the repository's top, $UCTL_CONFIG, $FLYTECTL_CONFIG,\n~/.union/config.yaml, ./flytekit.config, ~/.flyte/config, ~/.flyte/config.yaml.\n\n${example}`,
      [
        ["lamella config", "The settings here"],
        ["lamella config --config ci.yaml --json", "Those with another file, as data"],
      ],
    ),
  },
});
