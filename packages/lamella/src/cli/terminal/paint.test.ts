import { expect, test } from "vitest";
import { painter, wantsColor } from "./paint.ts";

const terminal = { isTTY: true };

test("a terminal has colours, a pipe has none", () => {
  expect(wantsColor(terminal, { TERM: "xterm" })).toBe(true);
  expect(wantsColor({}, { TERM: "xterm" })).toBe(false);
  expect(wantsColor(terminal, { TERM: "dumb" })).toBe(false);
});

test("NO_COLOR turns them off, FORCE_COLOR on", () => {
  expect(wantsColor(terminal, { NO_COLOR: "1" })).toBe(false);
  expect(wantsColor(terminal, { NO_COLOR: "" })).toBe(true);
  expect(wantsColor({}, { FORCE_COLOR: "1" })).toBe(true);
  expect(wantsColor({}, { FORCE_COLOR: "" })).toBe(true);
  expect(wantsColor(terminal, { FORCE_COLOR: "0" })).toBe(false);
  expect(wantsColor({}, { FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(false);
});

test("without colours text is left as it is", () => {
  expect(painter(false)("bold", "x")).toBe("x");
  expect(painter(true)("bold", "x")).toBe("\u001b[1mx\u001b[22m");
});
