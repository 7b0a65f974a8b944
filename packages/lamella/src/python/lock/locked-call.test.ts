import { expect, test } from "vitest";
import { parseRequirement } from "../requirements.ts";
import { lockedCall } from "./locked-call.ts";

const requirement = (text: string, directory: string) =>
  parseRequirement(text, { where: "image.ts", directory });

const at = (root: string) =>
  lockedCall(
    {
      requirements: [
        requirement(`./dist/own-1.0-py3-none-any.whl --hash=sha256:${"A".repeat(64)}`, root),
        requirement("lib[B,a]>=1", root),
      ],
      constraints: [requirement("lib<2", root)],
      indexUrl: "https://joe:s3cret@index.example/simple",
      extraIndexUrls: ["https://joe:s3cret@more.example/simple"],
      findLinks: [`file://${root}/wheels`, "https://joe:s3cret@links.example/"],
      pre: true,
      requireHashes: true,
      noIndex: true,
    },
    { directory: root },
  );

test("neither paths of this machine nor passwords are part of what a call asks for", () => {
  expect(at("/home/joe/project")).toEqual({
    requirements: [
      "lib[a,b]>=1",
      `own @ dist/own-1.0-py3-none-any.whl --hash=sha256:${"a".repeat(64)}`,
    ],
    constraints: ["lib<2"],
    settings: [
      "--index-url https://index.example/simple",
      "--extra-index-url https://more.example/simple",
      "--find-links wheels",
      "--find-links https://links.example/",
      "--no-index",
      "--pre",
      "--require-hashes",
    ],
  });
  expect(at("/srv/ci/1")).toEqual(at("/home/joe/project"));
});
