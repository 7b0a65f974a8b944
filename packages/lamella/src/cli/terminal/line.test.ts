import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  fitLine,
  lineWidth,
  paintLine,
  printable,
  span,
  spread,
  textWidth,
  truncate,
} from "./line.ts";
import { painter } from "./paint.ts";

const text = fc.string({ unit: "grapheme", maxLength: 40 }).map(printable);
const line = fc.array(
  text.map((t) => span(t, "bold")),
  { maxLength: 4 },
);
const columns = fc.integer({ min: 0, max: 60 });

describe("a line", () => {
  test("is never wider than it is told to be", () => {
    fc.assert(
      fc.property(line, line, columns, (left, right, width) => {
        expect(lineWidth(fitLine(left, width))).toBeLessThanOrEqual(width);
        expect(lineWidth(spread(left, right, width))).toBeLessThanOrEqual(width);
      }),
    );
  });

  test("is left alone where it fits", () => {
    fc.assert(
      fc.property(line, (spans) => {
        expect(fitLine(spans, lineWidth(spans))).toEqual(spans);
      }),
    );
  });

  test("has its right part at the right edge", () => {
    const spans = spread([span("left")], [span("right")], 40);
    expect(paintLine(spans, painter(false))).toBe(`left${" ".repeat(31)}right`);
  });

  test("is cut with an ellipsis, never in the middle of a character", () => {
    expect(truncate("scikit-learn", 7)).toBe("scikit…");
    expect(truncate("数据科学", 5)).toBe("数据…");
    expect(truncate("👩‍🔬👩‍🔬👩‍🔬", 4)).toBe("👩‍🔬…");
    expect(textWidth(truncate("数据科学", 4))).toBeLessThanOrEqual(4);
  });
});

test("text from outside cannot steer the terminal", () => {
  expect(printable("a\u001b[2Jb\r\nc\u202ed")).toBe("a\ufffd[2Jb\ufffd\ufffdc\ufffdd");
  expect(printable("naïve-数据 1.0")).toBe("naïve-数据 1.0");
});
