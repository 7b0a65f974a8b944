import { expect, test } from "vitest";
import { UsageError } from "./error.ts";
import { errorReport } from "./error-report.ts";
import { painter } from "./terminal/paint.ts";

const plain = { paint: painter(false), debug: false };

test("an error of ours is its message and what to do, without a stack", () => {
  const error = new UsageError("--a and --b\nexclude each other.", "Leave one away.\nOr both.");
  expect(errorReport(error, plain)).toBe(
    "error: --a and --b\n  exclude each other.\n  Leave one away.\n  Or both.",
  );
});

test("--debug adds the code, the stack and the causes", () => {
  const error = new UsageError("It failed.", "", { cause: new Error("the cause") });
  const report = errorReport(error, { ...plain, debug: true });
  expect(report).toMatch(/^error: It failed\.\n\n/);
  expect(report).toMatch(/error-report\.test\.ts:\d+/);
  expect(report).toMatch(/cause.*the cause/);
  expect(report).toMatch(/usage/);
});

test("anything else is a defect, and says how to learn more", () => {
  expect(errorReport(new TypeError("x is not a function"), plain)).toBe(
    "error: x is not a function\n  This was not foreseen. --debug shows where it comes from.",
  );
  expect(errorReport("text", plain)).toMatch(/^error: 'text'/);
});

test("what came from outside cannot steer the terminal", () => {
  const error = new UsageError("The registry said \u001b[2J.", "\u001b]0;title\u0007");
  expect(errorReport(error, plain)).not.toMatch(/\p{Cc}(?<!\n)/u);
});
