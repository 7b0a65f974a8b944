import { expect, test } from "vitest";
import { defaultIgnoreRules } from "../files/ignore.ts";
import { Image } from "./image.ts";
import { definedWorkdir, type PlacementBase, sourcePlacements } from "./source-placement.ts";

const image = Image.fromBase("x", { name: "n" });

function destinations(extended: Image, base?: PlacementBase): readonly string[] {
  return sourcePlacements(extended.definition, base).flatMap((placement) =>
    placement.kind === "folder"
      ? [placement.destination]
      : placement.files.map((file) => `${placement.destination}: ${file.path}`),
  );
}

test("a folder's content goes to its destination; without one the folder goes below the workdir", () => {
  const copied = image
    .withSourceFolder("./src", "/app/")
    .withSourceFolder("./src")
    .withSourceFolder("./src/", ".")
    .withSourceFolder("./src", { copyContentsOnly: true })
    .withSourceFolder("./src", "/app", { copyContentsOnly: true })
    .withWorkdir("/work")
    .withSourceFolder("deep/src")
    .withSourceFolder("./src", "lib//x")
    .withSourceFolder(".", { copyContentsOnly: true })
    .withSourceFolder(".", "/");
  expect(destinations(copied, { workdir: "/base" })).toEqual([
    "/app",
    "/base/src",
    "/base/src",
    "/base",
    "/app",
    "/work/src",
    "/work/lib/x",
    "/work",
    "/",
  ]);
});

test("files go to the workdir, or into a folder, or to their path", () => {
  const copied = image
    .withSourceFile("a/train.py")
    .withSourceFile(["a/x.py", "b/y.py"], "lib")
    .withSourceFile("config.yaml", "/etc/config.yaml")
    .withSourceFile("config.yaml", "/etc/app/")
    .withSourceFile("config.yaml", "conf.yaml")
    .withSourceFile("config.yaml", "./");
  expect(destinations(copied, { workdir: "/base" })).toEqual([
    "/base: train.py",
    "/base/lib: x.py",
    "/base/lib: y.py",
    "/etc: config.yaml",
    "/etc/app: config.yaml",
    "/base: conf.yaml",
    "/base: config.yaml",
  ]);
});

test("a file goes into what is a folder by then, as the definition or the base knows it", () => {
  const copied = image
    .withSourceFolder("src", "/app/lib")
    .withSourceFile("a.py", "/app")
    .withSourceFile("a.py", "/opt")
    .withSourceFile("a.py", "/work")
    .withWorkdir("/work/deep")
    .withSourceFile("a.py", "/work");
  expect(destinations(copied)).toEqual([
    "/app/lib",
    "/app: a.py",
    "/: opt",
    "/: work",
    "/work: a.py",
  ]);
  const base: PlacementBase = { isDirectory: (path) => path === "/opt" };
  expect(destinations(copied, base)[2]).toBe("/opt: a.py");
});

test("sources are absolute on this machine", () => {
  const copied = image.withSourceFolder("./src", "/app").withSourceFile("/srv/a.py", "/b.py");
  expect(sourcePlacements(copied.definition)).toEqual([
    {
      layer: 0,
      kind: "folder",
      destination: "/app",
      source: `${process.cwd()}/src`,
      ignore: defaultIgnoreRules,
    },
    { layer: 1, kind: "files", destination: "/", files: [{ path: "b.py", absolute: "/srv/a.py" }] },
  ]);
});

test("the workdir is the last one said, else the definition's, else the base's", () => {
  const debian = Image.fromDebianBase({ pythonVersion: "3.12", installFlyte: false });
  expect(definedWorkdir(image.definition, undefined)).toBeUndefined();
  expect(definedWorkdir(image.definition, "/base")).toBe("/base");
  expect(definedWorkdir(debian.definition, "/base")).toBe("/home/flyte");
  const twice = debian.withWorkdir("/a").withWorkdir("/b").withEnvVars({ A: "1" });
  expect(definedWorkdir(twice.definition, "/base")).toBe("/b");
  expect(destinations(debian.withSourceFolder("src"))).toEqual(["/home/flyte/src"]);
});
