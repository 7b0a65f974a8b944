import { expect, test } from "vitest";
import type { BuildPlan } from "../../engine/plan.ts";
import { sha256 } from "../../files/digest.ts";
import { paintLine } from "../terminal/line.ts";
import { painter } from "../terminal/paint.ts";
import { planLines } from "./plan-lines.ts";
import { planRecord } from "./plan-record.ts";

const plan: BuildPlan = {
  version: 1,
  identifier: "0".repeat(64),
  platform: "linux/amd64",
  base: {
    reference: "docker.io/library/python:3.11-slim-bookworm",
    digest: sha256("base"),
    layers: [{ mediaType: "x", digest: sha256("a"), diffId: sha256("b"), size: 63_000_000 }],
  },
  python: { version: "3.11", prefix: "/opt/venv", physicalPrefix: "opt/venv" },
  packages: [
    {
      name: "numpy",
      version: "2.4.0",
      wheel: "numpy-2.4.0.whl",
      digest: sha256("n"),
      size: 18_400_000,
    },
    { name: "six", version: "1.17.0", wheel: "six-1.17.0.whl", digest: sha256("s"), size: 11_000 },
  ],
  steps: [
    { kind: "wheels", key: sha256("1"), needs: "files", title: "numpy 2.4.0", packages: [0] },
    {
      kind: "wheels",
      key: sha256("2"),
      needs: "files",
      title: "six 1.17.0\u001b[2J",
      packages: [1],
    },
    { kind: "overlaps", key: sha256("3"), needs: "files", title: "shared files", packages: [0, 1] },
    {
      kind: "source",
      key: sha256("4"),
      needs: "files",
      title: "./src",
      destination: "/app",
      tree: sha256("t"),
      files: 3,
      size: 1834,
    },
  ],
  config: { env: { A: "1", B: "2" }, workdir: "/app", labels: {} },
};

test("a plan is its base, its packages and its layers, with what would have to be made", () => {
  const layer = { digest: sha256("l"), diffId: sha256("d"), size: 18_200_000 };
  const known = new Map([
    [sha256("1"), { layer }],
    [sha256("3"), {}],
  ]);
  const image = { export: "default", uri: "localhost:5000/iris:1" };
  const lines = planLines(planRecord(plan, image, known));
  expect(lines.map((line) => paintLine(line, painter(false)))).toEqual([
    "localhost:5000/iris:1  linux/amd64",
    "",
    `  base     docker.io/library/python:3.11-slim-bookworm@${sha256("base")}`,
    "           1 layer, 63.0 MB",
    "  python   3.11 in /opt/venv, no bytecode: no Python of that version here",
    "  workdir  /app",
    "  env      A=1",
    "           B=2",
    "",
    "2 packages, 18.4 MB",
    "  numpy 2.4.0  18.4 MB  numpy-2.4.0.whl",
    "  six 1.17.0   11.0 kB  six-1.17.0.whl",
    "",
    "3 layers above the base, 2 of them to make",
    "  numpy 2.4.0      18.2 MB  cached",
    "  six 1.17.0\ufffd[2J  ~11.0 kB  to make",
    "  ./src           ~1.83 kB  to make",
    "",
  ]);
});

test("an image that is there is said to be", () => {
  const image = { export: "default", uri: "localhost:5000/iris:1", existing: sha256("image") };
  const lines = planLines(planRecord(plan, image, new Map()));
  expect(lines.slice(0, 3).map((line) => paintLine(line, painter(false)))).toEqual([
    "localhost:5000/iris:1  linux/amd64",
    `${sha256("image")} is there already: a build makes nothing`,
    "",
  ]);
});

test("a plan as data has the export, the name, and what is remembered of each step", () => {
  const layer = { digest: sha256("l"), diffId: sha256("d"), size: 18_200_000 };
  const known = new Map([
    [sha256("1"), { layer }],
    [sha256("3"), {}],
  ]);
  const record = planRecord(plan, { export: "train", uri: "iris:1" }, known);
  expect(record).toMatchObject({ export: "train", uri: "iris:1", identifier: plan.identifier });
  expect(record).not.toHaveProperty("existing");
  expect(record.steps.map(({ state, layer: made }) => [state, made?.size])).toEqual([
    ["cached", 18_200_000],
    ["to make", undefined],
    ["cached", undefined],
    ["to make", undefined],
  ]);
});
