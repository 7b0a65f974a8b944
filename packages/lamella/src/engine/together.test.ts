import { expect, test, vi } from "vitest";
import { together } from "./together.ts";

test("the first failure stops the others, and is raised when they have ended", async () => {
  const controller = new AbortController();
  const stop = (reason: unknown): void => controller.abort(reason);
  let ended = false;
  const patient = new Promise((_, reject) => {
    controller.signal.addEventListener("abort", () =>
      setTimeout(() => {
        ended = true;
        reject(new Error("stopped"));
      }, 20),
    );
  });
  const works = [patient, Promise.reject(new Error("first"))];
  await expect(together({ stop }, works)).rejects.toThrow("first");
  expect(ended).toBe(true);
  expect(controller.signal.reason).toEqual(new Error("first"));
});

test("results come in order", async () => {
  const stop = vi.fn<(reason: unknown) => void>();
  expect(await together({ stop }, [Promise.resolve(1), "two"])).toEqual([1, "two"]);
  expect(stop).not.toHaveBeenCalled();
});
