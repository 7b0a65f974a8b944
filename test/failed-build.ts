import { expect } from "vitest";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import type { Project, RunOptions } from "./project.ts";

/** An error as a user reads it. */
export interface ReportedError {
  /** What is wrong; its first line without `error: `. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/**
 * Runs `lamella build image.ts`, which must fail as all failures must: with code 1, a message that ends as a sentence,
 * a hint, and no trace of a stack.
 */
export async function failedBuild(
  { folder, store }: Pick<Project, "folder" | "store">,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<ReportedError> {
  const { code, stdout, stderr } = await lamella(
    ["build", "image.ts", "--progress", "quiet", ...args],
    { ...options, cwd: folder, env: { LAMELLA_HOME: store, ...options.env } },
  );
  expect(stdout).toBe("");
  expect(code, stderr).toBe(1);
  return reportedError(stderr);
}

/** Takes an error report apart: its first line is the message, the rest is the hint. Warnings may come before it. */
export function reportedError(output: string): ReportedError {
  const stderr = output.replace(/^(?:warning: .*\n(?: {9}.*\n)*)+/, "");
  if (process.env["SHOW_ERRORS"]) process.stdout.write(`\n${stderr}`);
  expect(stderr).toMatch(/^error: .*[.:!?]\n/);
  expect(stderr).not.toMatch(/^ +at .*:\d+:\d+/m);
  expect(stderr).not.toContain("This was not foreseen");
  const [first = "", ...rest] = stderr.trimEnd().split("\n");
  const hint = rest.map((line) => line.trim()).join("\n");
  expect(hint, "There is no hint.").not.toBe("");
  return { message: first.slice("error: ".length), hint };
}
