import { expect, test } from "vitest";
import { StepFailedError } from "../../execution/error.ts";
import { noSources } from "../resolve/apt-command.ts";
import { stepFailure } from "./step-failure.ts";

const apt = { purpose: "apt", title: "apt-get install git", command: ["sh"] } as const;

function failure(step: Parameters<typeof stepFailure>[0], code: number, lines: string[]): unknown {
  return stepFailure(step, new StepFailedError(["x"], code, []), lines);
}

test("Debian packages that are not there are named, as apt-get names them", () => {
  // As apt 2.6 says it.
  const lines = [
    "E: Unable to locate package gti",
    "E: Unable to locate package foo.bar",
    "E: Couldn't find any package by glob 'foo.bar'",
    "E: Package 'mail-reader' has no installation candidate",
    "E: Version '9' for 'curl' was not found",
    "E: Release 'sid' for 'wget' was not found",
  ];
  expect(failure(apt, 100, lines)).toMatchObject({
    code: "apt-package-missing",
    packages: ["gti", "foo.bar", "mail-reader", "curl=9", "wget/sid"],
  });
});

test("a base whose apt has no archives is told so, and not that a package does not exist", () => {
  const lines = [noSources, "E: Unable to locate package tree"];
  expect(failure(apt, 100, lines)).toMatchObject({
    code: "apt-missing",
    hint: expect.stringContaining("--apt-sources"),
  });
});

test("a base without apt is told so", () => {
  const lines = ["/bin/sh: 13: apt-get: not found"];
  expect(failure(apt, 127, lines)).toMatchObject({ code: "apt-missing" });
});

test("a command's failure has the command, its code, and its last lines", () => {
  const step = {
    purpose: "command",
    title: "make",
    command: ["/bin/sh", "-c", "make  all"],
  } as const;
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
  const error = failure(step, 2, lines);
  expect(error).toMatchObject({ code: "command-failed", command: "make  all", exitCode: 2 });
  expect(error).toHaveProperty(
    "message",
    ["The command failed with exit code 2: make  all", ...lines.slice(10)].join("\n"),
  );
  expect(error).toHaveProperty("hint", expect.stringMatching(/^Its last lines are above\./));
  expect(failure(step, 2, [])).toHaveProperty("hint", expect.stringMatching(/^It wrote nothing\./));
});
