import { buildCommand, buildRouteMap, type Command, type RouteMap } from "@stricli/core";
import { parsePlatform } from "../../image/platform.ts";
import type { CliContext } from "../context.ts";
import { commonFlags, teach } from "./parameters.ts";

const bootstrap: Command<CliContext> = buildCommand({
  loader: async () => (await import("../actions/base-bootstrap.ts")).baseBootstrapAction,
  parameters: {
    flags: {
      suite: {
        kind: "parsed",
        parse: String,
        placeholder: "SUITE",
        brief: "Debian's release, for example bookworm",
      },
      python: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "With the release's Python",
      },
      aptSources: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "With this machine's archives named in it, for withAptPackages",
      },
      as: {
        kind: "parsed",
        parse: String,
        placeholder: "REF",
        brief: "Name that definitions use for this base",
      },
      to: {
        kind: "parsed",
        parse: String,
        placeholder: "HOST",
        brief: "Registry to push it to",
      },
      platform: {
        kind: "parsed",
        parse: parsePlatform,
        variadic: ",",
        optional: true,
        placeholder: "OS/ARCH",
        brief: "OS/ARCH instead of this machine's (repeatable)",
      },
      ...commonFlags,
    },
  },
  docs: {
    brief: "Make a Debian base image from the machine's apt sources",
    customUsage: ["--suite SUITE [--python] [--apt-sources] --as REF --to HOST"],
    fullDescription: teach(
      "Makes a base image with mmdebstrap, with nothing of this machine in it, and pushes it to a registry: for places\nwithout a way to the public ones. Needs root. Nothing is emulated: for a platform that is not this machine's,\nDebian's packages are unpacked and not set up. With the registry as a mirror in ./config.yaml, builds use it:\n\n  lamella:\n    registries:\n      docker.io: { mirror: localhost:5000 }",
      [
        [
          "lamella base bootstrap --suite bookworm --python --as python:3.11-slim-bookworm --to localhost:5000",
          "",
        ],
        [
          "lamella base bootstrap --suite bookworm --python --as … --to … --platform linux/amd64,linux/arm64",
          "",
        ],
      ],
    ),
  },
});

export const base: RouteMap<CliContext> = buildRouteMap({
  routes: { bootstrap },
  docs: { brief: "Base images" },
});
