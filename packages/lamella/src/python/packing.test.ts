import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Group, largestPacking, type PackageToPack, packWheels } from "./packing.ts";

const mib = 1024 * 1024;

const anyPackage = fc.record({
  name: fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/),
  size: fc.oneof(fc.nat({ max: 2 * mib }), fc.nat({ max: 600 * mib })),
  call: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 12 })),
  anyPlatform: fc.boolean(),
});
const anyPackages = fc.uniqueArray(anyPackage, { selector: ({ name }) => name, maxLength: 90 });

/** A package whose wheel is for any platform; its size is in MiB. */
function any(name: string, size: number, call = 0): PackageToPack {
  return { name, size: size * mib, call, anyPlatform: true };
}

/** One whose wheel is for a single platform. */
function one(name: string, size: number, call = 0): PackageToPack {
  return { name, size: size * mib, call, anyPlatform: false };
}

/** Groups by key, as names. */
function named(
  packages: readonly PackageToPack[],
  groups: readonly Group[],
): Map<string, string[]> {
  return new Map(
    groups.map(({ key, packages: indices }) => [
      key,
      indices.map((index) => packages[index]?.name ?? "?"),
    ]),
  );
}

function changed(before: Map<string, string[]>, after: Map<string, string[]>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => before.get(key)?.join(" ") !== after.get(key)?.join(" "),
  );
}

describe("packing", () => {
  it("of the example: large wheels, their bytecode, the others, their bytecode", () => {
    const packages: PackageToPack[] = [
      any("joblib", 0.3),
      one("numpy", 17),
      one("pandas", 12),
      any("python-dateutil", 0.2),
      one("scikit-learn", 9),
      one("scipy", 35),
      any("six", 0.01),
      any("threadpoolctl", 0.02),
      one("pyyaml", 0.7),
      any("requests", 0.06, 1),
      one("torch", 539, 1),
      any("transformers", 10, 1),
    ];
    expect([...named(packages, packWheels(packages))]).toEqual([
      ["wheel scipy", ["scipy"]],
      ["wheel numpy", ["numpy"]],
      ["wheel pandas", ["pandas"]],
      ["wheel scikit-learn", ["scikit-learn"]],
      ["bytecode of platform 0.1", ["pandas", "pyyaml", "scikit-learn"]],
      ["bytecode of platform 0.3", ["numpy", "scipy"]],
      ["wheels of platform 0.0", ["pyyaml"]],
      ["wheels 0.1", ["joblib", "python-dateutil"]],
      ["wheels 0.2", ["six"]],
      ["wheels 0.3", ["threadpoolctl"]],
      ["bytecode 0.1", ["joblib", "python-dateutil"]],
      ["bytecode 0.2", ["six"]],
      ["bytecode 0.3", ["threadpoolctl"]],
      ["wheel torch", ["torch"]],
      ["wheel transformers", ["transformers"]],
      ["bytecode of platform 1.0", ["torch"]],
      ["bytecode of large 1.0", ["transformers"]],
      ["wheels 1.0", ["requests"]],
      ["bytecode 1.0", ["requests"]],
    ]);
  });

  it("gives what is for any platform the same layers, whatever else each platform has", () => {
    fc.assert(
      fc.property(anyPackages, anyPackages, anyPackages, (shared, first, second) => {
        const both = shared.map((item) => ({ ...item, anyPlatform: true }));
        const names = new Set(shared.map(({ name }) => name));
        const [layers, others] = [first, second].map((own) => {
          const packages = [
            ...own
              .filter(({ name }) => !names.has(name))
              .map((item) => ({ ...item, anyPlatform: false })),
            ...both,
          ];
          const groups = [...named(packages, packWheels(packages))];
          return groups.filter(([, members]) => members.some((name) => names.has(name)));
        });
        expect(layers).toEqual(others);
      }),
    );
  });

  it("has every wheel and its bytecode once", () => {
    fc.assert(
      fc.property(anyPackages, (packages) => {
        for (const kind of ["wheels", "bytecode"]) {
          const groups = packWheels(packages).filter((group) => group.kind === kind);
          const indices = groups.flatMap((group) => group.packages);
          expect(indices.sort((a, b) => a - b)).toEqual([...packages.keys()]);
        }
      }),
    );
  });

  it("does not depend on the order in which packages come", () => {
    fc.assert(
      fc.property(anyPackages, fc.infiniteStream(fc.nat()), (packages, random) => {
        const keyed = packages.map((item) => ({ item, key: random.next().value ?? 0 }));
        const shuffled = keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
        const groups = [...named(packages, packWheels(packages))];
        expect([...named(shuffled, packWheels(shuffled))]).toEqual(groups);
      }),
    );
  });

  it("never has more layers than an image may have", () => {
    expect(largestPacking).toBeLessThanOrEqual(45);
    const crowd = Array.from({ length: 20_000 }, (_, index) => ({
      name: `package-${index}`,
      size: (index % 7) * mib,
      call: index % 50,
      anyPlatform: index % 3 === 0,
    }));
    expect(packWheels(crowd)).toHaveLength(largestPacking);
    fc.assert(
      fc.property(anyPackages, (packages) => {
        const groups = packWheels(packages);
        expect(groups.length).toBeLessThanOrEqual(largestPacking);
        expect(new Set(groups.map(({ key }) => key)).size).toBe(groups.length);
      }),
    );
  });

  it("changes one bucket and one of bytecode when a package is added", () => {
    fc.assert(
      fc.property(anyPackages, anyPackage, (packages, added) => {
        fc.pre(packages.every(({ name }) => name !== added.name));
        const more = [...packages, added];
        const after = packWheels(more);
        const keys = changed(named(packages, packWheels(packages)), named(more, after));
        const shared = keys.filter((key) => !key.startsWith("wheel "));
        expect(shared.filter((key) => key.startsWith("wheels")).length).toBeLessThanOrEqual(1);
        expect(shared.filter((key) => key.startsWith("bytecode")).length).toBe(1);
        if (added.size < mib) expect(keys.length).toBe(2);
      }),
    );
  });

  it("keeps what was there in its place, and puts what is new on top", () => {
    fc.assert(
      fc.property(anyPackages, anyPackages, (packages, more) => {
        const previous = packWheels(packages).map(({ key }) => key);
        const known = new Set(packages.map(({ name }) => name));
        // Some packages go, some come, and all sizes change.
        const next = [
          ...packages
            .filter(({ name }) => name.length % 3 > 0)
            .map((item) => ({ ...item, size: item.size * 2 })),
          ...more.filter(({ name }) => !known.has(name)),
        ];
        const keys = packWheels(next, previous).map(({ key }) => key);
        const kept = previous.filter((key) => keys.includes(key));
        expect(keys.slice(0, kept.length)).toEqual(kept);
        const fresh = packWheels(next).map(({ key }) => key);
        expect(keys.slice(kept.length)).toEqual(fresh.filter((key) => !kept.includes(key)));
      }),
    );
  });
});
