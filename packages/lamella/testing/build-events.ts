import * as fc from "fast-check";
import type { BuildEvent, TaskKind, TaskOutcome } from "../src/engine/event.ts";
import type { BuildResult, LayerReport } from "../src/engine/result.ts";
import { type Digest, sha256 } from "../src/files/digest.ts";

/** A step of a {@link eventStream}: a task begins, moves or ends, or something is said. */
type Step =
  | { readonly do: "start"; readonly kind: TaskKind; readonly name: string; readonly total: number }
  | { readonly do: "move"; readonly done: number }
  | { readonly do: "write"; readonly text: string }
  | { readonly do: "end"; readonly outcome: TaskOutcome; readonly bytes: number }
  | { readonly do: "fail" }
  | { readonly do: "warn"; readonly message: string };

const kinds: readonly TaskKind[] = [
  "base",
  "resolve",
  "sources",
  "fetch",
  "unpack",
  "execute",
  "layer",
  "push",
  "publish",
];
const outcomes: readonly TaskOutcome[] = ["done", "cached", "exists", "mounted"];
// Names as people and attackers choose them: long, in any script, with control characters.
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 150 }),
  fc.string({ unit: "grapheme" }),
);
const bytes = fc.nat({ max: 4e9 });

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("start"),
    kind: fc.constantFrom(...kinds),
    name: anyText,
    total: bytes,
  }),
  fc.record({ do: fc.constant("move"), done: bytes }),
  fc.record({ do: fc.constant("write"), text: anyText }),
  fc.record({ do: fc.constant("end"), outcome: fc.constantFrom(...outcomes), bytes }),
  fc.record({ do: fc.constant("fail") }),
  fc.record({ do: fc.constant("warn"), message: anyText }),
) as fc.Arbitrary<Step>;

/** The events of a random build, in an order that an engine could emit them in; the last is `finished` or `failed`. */
export function eventStream(): fc.Arbitrary<readonly BuildEvent[]> {
  return fc
    .record({ uri: anyText, steps: fc.array(step, { maxLength: 60 }), fails: fc.boolean() })
    .map(({ uri, steps, fails }) => events(uri, steps, fails));
}

function events(uri: string, steps: readonly Step[], fails: boolean): readonly BuildEvent[] {
  const stream: BuildEvent[] = [{ at: 0, kind: "started", identifier: "0".repeat(64), uri }];
  const open: number[] = [];
  let id = 0;
  for (const [index, next] of steps.entries()) {
    const at = (index + 1) * 137;
    if (next.do === "start") {
      open.push(++id);
      const { kind, name, total } = next;
      stream.push({ at, kind: "task-started", task: { id, kind, name, total } });
    } else if (next.do === "warn") {
      stream.push({ at, kind: "warning", code: "test", message: next.message });
    } else {
      const goesOn = next.do === "move" || next.do === "write";
      const task = goesOn ? open[0] : open.shift();
      if (task === undefined) continue;
      if (next.do === "move") stream.push({ at, kind: "task-progress", id: task, done: next.done });
      else if (next.do === "write")
        stream.push({ at, kind: "task-output", id: task, stream: "stdout", text: next.text });
      else if (next.do === "fail") stream.push({ at, kind: "task-failed", id: task, message: "x" });
      else
        stream.push({
          at,
          kind: "task-finished",
          id: task,
          outcome: next.outcome,
          bytes: next.bytes,
        });
    }
  }
  const at = (steps.length + 1) * 137;
  stream.push(
    fails
      ? { at, kind: "failed", code: "test", message: "It failed." }
      : { at, kind: "finished", result: buildResult({ milliseconds: at }) },
  );
  return stream;
}

/** A layer of a result; `title` makes its digest too. */
export function layerReport(title: string, more: Partial<LayerReport> = {}): LayerReport {
  return {
    digest: sha256(title),
    size: 1_000_000,
    title,
    source: "built",
    delivery: "uploaded",
    ...more,
  };
}

/** The result of an imaginary build of `localhost:5000/iris`. */
export function buildResult(more: Partial<BuildResult> = {}): BuildResult {
  const digest: Digest = sha256("manifest");
  const layers = [
    layerReport("base a", { source: "base", delivery: "mounted", size: 28_000_000 }),
    layerReport("base b", { source: "base", delivery: "mounted", size: 14_000_000 }),
    layerReport("numpy 2.4.0", { source: "cached", delivery: "exists", size: 18_400_000 }),
    layerReport("./src → /app", { size: 1834 }),
  ];
  return {
    uri: "localhost:5000/iris:3f2a9c0e7bd4415c9a0c2f8e1d6b7a90",
    digest,
    identifier: "3f2a9c0e7bd4415c9a0c2f8e1d6b7a90".repeat(2),
    target: "registry",
    upToDate: false,
    tags: ["3f2a9c0e7bd4415c9a0c2f8e1d6b7a90"],
    platforms: [{ platform: "linux/amd64", digest, layers }],
    uploaded: 1834,
    milliseconds: 4200,
    ...more,
  };
}
