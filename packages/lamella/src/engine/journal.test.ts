import { expect, test } from "vitest";
import type { BuildEvent } from "./event.ts";
import { Journal } from "./journal.ts";

function recorded(): { readonly journal: Journal; readonly events: BuildEvent[] } {
  const events: BuildEvent[] = [];
  return { journal: new Journal((event) => events.push(event)), events };
}

test("a task ends once, however often it is ended", () => {
  const { journal, events } = recorded();
  const task = journal.start("layer", "numpy");
  task.finish("cached");
  task.finish("done");
  task.fail(new Error("late"));
  expect(events.map(({ kind }) => kind)).toEqual(["task-started", "task-finished"]);
});

test("work that throws fails its task and is not swallowed", async () => {
  const { journal, events } = recorded();
  const work = journal.task("fetch", "numpy", async () => {
    throw new Error("no network");
  });
  await expect(work).rejects.toThrow("no network");
  expect(events.at(-1)).toMatchObject({ kind: "task-failed", id: 1, message: "no network" });
});

test("progress is told now and then, and not after the end", () => {
  const { journal, events } = recorded();
  const task = journal.start("push", "numpy", { total: 1000 });
  for (let done = 0; done < 1000; done++) task.progress(done, 1000);
  task.finish("done");
  task.progress(1000, 1000);
  const told = events.filter(({ kind }) => kind === "task-progress");
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThan(20);
  expect(events.at(-1)?.kind).toBe("task-finished");
});

test("a task that ends because the build is stopped does not claim the reason for its own", () => {
  const { journal, events } = recorded();
  const [failing, other] = [journal.start("fetch", "numpy"), journal.start("push", "base")];
  failing.fail(new Error("no network"));
  journal.stop();
  other.fail(new Error("no network"));
  expect(events.slice(-2)).toMatchObject([
    { kind: "task-failed", id: 1, message: "no network" },
    { kind: "task-failed", id: 2, message: "The build was stopped." },
  ]);
});
