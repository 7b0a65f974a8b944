import { expect, test } from "vitest";
import { inTurns, runInSlices, runToEnd, type SlicedWork } from "./sliced-work.ts";

function* count(steps: number, onEnd: () => void = () => undefined): SlicedWork<number> {
  try {
    for (let step = 0; step < steps; step++) {
      // Busy on purpose: two milliseconds of work a step.
      for (const end = performance.now() + 2; performance.now() < end; );
      yield;
    }
    return steps;
  } finally {
    onEnd();
  }
}

test("the same work runs at once and in slices", async () => {
  expect(runToEnd(count(3))).toBe(3);
  expect(await runInSlices(count(3))).toBe(3);
});

test("the event loop turns between slices", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await runInSlices(count(50));
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});

test("a signal ends the work, which then cleans up", async () => {
  let cleaned = false;
  const controller = new AbortController();
  const running = runInSlices(
    count(10_000, () => {
      cleaned = true;
    }),
    controller.signal,
  );
  setTimeout(() => controller.abort(new Error("enough")), 20);
  await expect(running).rejects.toThrow("enough");
  expect(cleaned).toBe(true);
});

test("a signal that was given before lets nothing begin", async () => {
  await expect(runInSlices(count(1), AbortSignal.abort(new Error("early")))).rejects.toThrow(
    "early",
  );
});

test("a sequence that never waits lets the event loop turn", async () => {
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  const endless = (function* () {
    for (;;) yield;
  })();
  for await (const _ of inTurns(endless)) if (turned) break;
  expect(turned).toBe(true);
});
