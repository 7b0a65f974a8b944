import { expect, test } from "vitest";
import { DefinitionError } from "../error.ts";
import { aptPackagesLayer } from "./apt-packages.ts";

test.each([
  "git",
  "g++",
  "libstdc++6",
  "libssl3:arm64",
  "git=1:2.39.5-0+deb12u2",
  "git=1:2.*",
  "git/bookworm-backports",
])("takes the Debian package %s", (name) => {
  expect(aptPackagesLayer([name]).packages).toEqual([name]);
});

test.each(["-y", "git curl", "git;reboot", "./git.deb", "Git", "git-", "git=", "$(reboot)", ".*"])(
  "%j is no Debian package",
  (name) => {
    expect(() => aptPackagesLayer([name])).toThrow(DefinitionError);
  },
);
