import { expect, test } from "vitest";
import { Image } from "../../image/image.ts";
import { definitionStages } from "./stages.ts";

const image = Image.fromBase("debian", { name: "tools" });

function stagesOf({ definition }: Image): unknown {
  return definitionStages(definition).map(({ files, executing }) => [
    files.map(({ layer }) => layer.kind),
    executing.map(({ index }) => index),
  ]);
}

test("files above what executes are a stage of their own", () => {
  const executing = image
    .withAptPackages("git")
    .withPipPackages("six")
    .withWorkdir("/app")
    .withCommands("make")
    .withEnvVars({ A: "1" })
    .withCommands("make install")
    .withSourceFile("a.txt");
  expect(stagesOf(executing)).toEqual([
    [[], [0]],
    [
      ["pip-packages", "workdir"],
      [3, 5],
    ],
    [["source-file"], []],
  ]);
});

test("without anything that executes there is one stage, whatever else there is", () => {
  expect(stagesOf(image)).toEqual([[[], []]]);
  expect(stagesOf(image.withSourceFile("a").withEnvVars({ A: "1" }))).toEqual([
    [["source-file"], []],
  ]);
  expect(stagesOf(image.withCommands("make").withEnvVars({ A: "1" }))).toEqual([[[], [0]]]);
});
