import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseWheel, supportedTags, type WheelTarget } from "./tags.ts";

// The reference implementation is in every pip. It is told the C library instead of finding this machine's.
const reference = `
import json, sys
from pip._vendor.packaging import tags, _manylinux, _musllinux
answers = []
for python, machine, kind, major, minor in json.load(sys.stdin):
    version = tuple(int(part) for part in python.split("."))
    if kind == "glibc":
        _manylinux._get_glibc_version = lambda: (major, minor)
        _manylinux._have_compatible_abi = lambda *_: True
        try:
            platforms = list(_manylinux.platform_tags([machine]))
        except TypeError:
            platforms = list(_manylinux.platform_tags("linux_" + machine, machine))
    else:
        platforms = ["musllinux_%d_%d_%s" % (major, m, machine) for m in range(minor, -1, -1)]
    platforms.append("linux_" + machine)
    interpreter = "cp%d%d" % version
    found = list(tags.cpython_tags(version, [interpreter], platforms))
    found += tags.compatible_tags(version, interpreter, platforms)
    answers.append([str(tag) for tag in found])
json.dump(answers, sys.stdout)
`;

const targets: WheelTarget[] = [
  { python: "3.11", platform: "linux/amd64", libc: { kind: "glibc", major: 2, minor: 36 } },
  { python: "3.9", platform: "linux/amd64", libc: { kind: "glibc", major: 2, minor: 17 } },
  { python: "3.13", platform: "linux/arm64", libc: { kind: "glibc", major: 2, minor: 41 } },
  { python: "3.12", platform: "linux/arm64", libc: { kind: "musl", major: 1, minor: 2 } },
];

const machines = { "linux/amd64": "x86_64", "linux/arm64": "aarch64" };

test("tags and their order are those of the reference implementation", () => {
  const input = targets.map(({ python, platform, libc }) => [
    python,
    machines[platform],
    libc.kind,
    libc.major,
    libc.minor,
  ]);
  const answer = JSON.parse(
    execFileSync("python3", ["-c", reference], { input: JSON.stringify(input), encoding: "utf8" }),
  ) as string[][];
  for (const [index, target] of targets.entries()) {
    expect(answer[index]?.length).toBeGreaterThan(100);
    expect(supportedTags(target)).toEqual(answer[index]);
  }
});

describe("the choice among the wheels of a release", () => {
  const [debian] = targets as [WheelTarget];
  const choose = (...filenames: string[]): string | undefined =>
    chooseWheel(
      filenames.map((filename) => ({ filename })),
      debian,
    )?.filename;

  test("the newest C library that the base has, then older ones, then pure Python", () => {
    const newest = "a-1-cp311-cp311-manylinux_2_34_x86_64.whl";
    const legacy = "a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
    const stable = "a-1-cp38-abi3-manylinux_2_28_x86_64.whl";
    const pure = "a-1-py3-none-any.whl";
    expect(choose(pure, stable, legacy, newest)).toBe(newest);
    expect(choose(pure, stable, legacy)).toBe(legacy);
    expect(choose(pure, stable)).toBe(stable);
    expect(choose(pure)).toBe(pure);
  });

  test("nothing that the base cannot load", () => {
    expect(
      choose(
        "a-1-cp311-cp311-manylinux_2_37_x86_64.whl",
        "a-1-cp312-cp312-manylinux_2_17_x86_64.whl",
        "a-1-cp312-abi3-manylinux_2_17_x86_64.whl",
        "a-1-cp311-cp311-musllinux_1_2_x86_64.whl",
        "a-1-cp311-cp311-manylinux_2_17_aarch64.whl",
        "a-1-cp311-cp311-win_amd64.whl",
        "a-1-py2-none-any.whl",
        "not a wheel",
      ),
    ).toBeUndefined();
  });

  test("the highest build of equals, counted as a number", () => {
    expect(
      choose("a-1-9-py3-none-any.whl", "a-1-10-py3-none-any.whl", "a-1-py3-none-any.whl"),
    ).toBe("a-1-10-py3-none-any.whl");
    expect(choose("a-1-1a-py3-none-any.whl", "a-1-1b-py3-none-any.whl")).toBe(
      "a-1-1b-py3-none-any.whl",
    );
  });

  test("does not depend on the order in which an index lists them", () => {
    const wheels = [
      "a-1-cp311-cp311-manylinux_2_17_x86_64.whl",
      "a-1-cp311-cp311-manylinux2014_x86_64.whl",
      "a-1-1-cp311-cp311-manylinux_2_17_x86_64.whl",
      "a-1-py3-none-any.whl",
      "a-1-py2.py3-none-any.whl",
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(wheels, { minLength: wheels.length }), (order) => {
        expect(choose(...order)).toBe("a-1-1-cp311-cp311-manylinux_2_17_x86_64.whl");
      }),
    );
  });
});
