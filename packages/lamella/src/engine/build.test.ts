import { expect, test } from "vitest";
import { Build } from "./build.ts";
import type { BuildEvent } from "./event.ts";
import type { BuildResult } from "./result.ts";

const result: BuildResult = {
  uri: "iris:1",
  digest: `sha256:${"0".repeat(64)}`,
  identifier: "0".repeat(64),
  target: "store",
  upToDate: true,
  tags: ["1"],
  platforms: [],
  uploaded: 0,
  milliseconds: 1,
};

function warning(at: number): BuildEvent {
  return { at, kind: "warning", code: "test", message: String(at) };
}

test("every iteration sees all events from the first, also when it begins late", async () => {
  const building = new Build(async (emit) => {
    for (let at = 0; at < 5; at++) {
      emit(warning(at));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return result;
  });
  const early = Array.fromAsync(building);
  expect(await building).toBe(result);
  const late = await Array.fromAsync(building);
  expect(late.map(({ at }) => at)).toEqual([0, 1, 2, 3, 4]);
  expect(await early).toEqual(late);
});

test("a failed build ends the iteration and rejects for who awaits it", async () => {
  const building = new Build(async (emit) => {
    emit(warning(1));
    throw new Error("broken");
  });
  expect((await Array.fromAsync(building)).length).toBe(1);
  await expect(building).rejects.toThrow("broken");
});
