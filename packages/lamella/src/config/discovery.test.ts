import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { configFilePlaces, type DiscoveryOrder } from "./discovery.ts";

let repository: string;
let cwd: string;
beforeAll(async () => {
  repository = await mkdtemp(join(tmpdir(), "lamella-discovery-"));
  cwd = join(repository, "training");
  await mkdir(cwd);
  await mkdir(join(repository, ".git"));
});
afterAll(() => rm(repository, { recursive: true, force: true }));

const env = { HOME: "/home/ada", FLYTECTL_CONFIG: "/etc/flyte.yaml", UCTL_CONFIG: "union.yaml" };

function paths(order?: DiscoveryOrder): readonly string[] {
  return configFilePlaces({ cwd, env, order }).map(({ path }) => path);
}

test("v1 looks at FLYTECTL_CONFIG, ./flytekit.config, ~/.flyte/config and ~/.flyte/config.yaml", () => {
  expect(paths("v1")).toEqual([
    "/etc/flyte.yaml",
    join(cwd, "flytekit.config"),
    "/home/ada/.flyte/config",
    "/home/ada/.flyte/config.yaml",
  ]);
});

test("v2 looks in the folder, the repository, UCTL_CONFIG, FLYTECTL_CONFIG, ~/.union and ~/.flyte", () => {
  expect(paths("v2")).toEqual([
    join(cwd, "config.yaml"),
    join(cwd, ".flyte/config.yaml"),
    join(repository, ".flyte/config.yaml"),
    join(cwd, "union.yaml"),
    "/etc/flyte.yaml",
    "/home/ada/.union/config.yaml",
    "/home/ada/.flyte/config.yaml",
  ]);
});

test("both together keep the order of each", () => {
  const all = paths();
  for (const order of ["v1", "v2"] as const) {
    expect(all.filter((path) => paths(order).includes(path))).toEqual(paths(order));
  }
  expect(new Set(all)).toEqual(new Set([...paths("v1"), ...paths("v2")]));
});

test("without variables, a home and a repository only the folder is looked at", () => {
  const places = configFilePlaces({ cwd: "/", env: { HOME: "", UCTL_CONFIG: "" } });
  expect(places).toEqual([
    { path: "/config.yaml" },
    { path: "/.flyte/config.yaml" },
    { path: "/flytekit.config" },
  ]);
});
