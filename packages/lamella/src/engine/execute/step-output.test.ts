import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Redactor } from "../secrets/redactor.ts";
import { StepOutput } from "./step-output.ts";

function linesOf(chunks: readonly Uint8Array[], ...secrets: readonly string[]): string[] {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(secret);
  const lines: string[] = [];
  const output = new StepOutput(redactor, (stream, line) => lines.push(`${stream}: ${line}`));
  for (const chunk of chunks) output.write("stdout", chunk);
  output.end();
  expect(output.lines).toEqual(lines.map((line) => line.slice("stdout: ".length)).slice(-100));
  return lines;
}

test("lines are the same wherever what a command writes is cut", () => {
  const text =
    "é first\r\nsecond\n\n  50%\r 100%\r\n\u001b[31mred\u001b[0m and hunter2-hunter2\nno end";
  const bytes = Buffer.from(text);
  const cuts = fc.uniqueArray(fc.nat({ max: bytes.length }), { maxLength: 20 });
  fc.assert(
    fc.property(cuts, (unsorted) => {
      const at = [0, ...unsorted.sort((a, b) => a - b), bytes.length];
      const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      expect(linesOf(chunks, "hunter2-hunter2")).toEqual(
        ["é first", "second", "  50%", " 100%", "red and ***", "no end"].map(
          (line) => `stdout: ${line}`,
        ),
      );
    }),
  );
});

test("a line without end is passed on in parts, and no part of a secret with it", () => {
  const secret = "correct-horse-battery-staple";
  const chunks = Array.from({ length: 40 }, () => Buffer.from(`${"x".repeat(990)}${secret}`));
  const lines = linesOf(chunks, secret);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.join("")).not.toMatch(/horse|battery/);
  expect(lines.join("").match(/\*\*\*/g)?.length).toBe(40);
});
