import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Digest } from "../files/digest.ts";
import { InvalidReferenceError } from "./error.ts";
import { formatReference, isTag, parseReference, type Reference } from "./reference.ts";

const digest: Digest = `sha256:${"0a".repeat(32)}`;

describe("parsing a reference", () => {
  test.each<[string, Reference]>([
    ["ubuntu", { registry: "docker.io", repository: "library/ubuntu" }],
    ["ubuntu:22.04", { registry: "docker.io", repository: "library/ubuntu", tag: "22.04" }],
    [`ubuntu@${digest}`, { registry: "docker.io", repository: "library/ubuntu", digest }],
    ["acme/app", { registry: "docker.io", repository: "acme/app" }],
    ["docker.io/ubuntu", { registry: "docker.io", repository: "library/ubuntu" }],
    ["index.docker.io/a/b", { registry: "docker.io", repository: "a/b" }],
    ["localhost/x", { registry: "localhost", repository: "x" }],
    ["localhost:5000/x", { registry: "localhost:5000", repository: "x" }],
    ["localhost:5000/x:1", { registry: "localhost:5000", repository: "x", tag: "1" }],
    [
      "ghcr.io/acme/a__b/c--d:v1_x",
      { registry: "ghcr.io", repository: "acme/a__b/c--d", tag: "v1_x" },
    ],
    [`h.io/x:t@${digest}`, { registry: "h.io", repository: "x", tag: "t", digest }],
    ["[::1]:5000/x", { registry: "[::1]:5000", repository: "x" }],
    ["192.168.0.1/x", { registry: "192.168.0.1", repository: "x" }],
    ["Host/x", { registry: "Host", repository: "x" }],
    ["host:65535/x", { registry: "host:65535", repository: "x" }],
    ["a:5000", { registry: "docker.io", repository: "library/a", tag: "5000" }],
  ])("%s", (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
  });

  test.each([
    "",
    ":tag",
    "@",
    "/x",
    "x/",
    "a//b",
    "ghcr.io/",
    "ghcr.io/Upper",
    "Upper",
    "x:",
    "x:.tag",
    `x:${"t".repeat(129)}`,
    "x@sha256:short",
    `x@sha512:${"0".repeat(128)}`,
    `x@${digest.toUpperCase()}`,
    `x@${digest}@${digest}`,
    "a___b",
    "a._b",
    "-a",
    "a-",
    "h_st.io/x",
    "-h.io/x",
    "h.io:/x",
    "h.io:99999/x",
    "[::1/x",
    "https://ghcr.io/x",
    "x y",
    "x\n",
    "ubuntu:22.04\n",
    "é",
    "../x",
    "h.io/a/../b",
    "0a".repeat(32),
    `h.io/${"a".repeat(256)}`,
  ])("%j is refused, by name", (text) => {
    expect(() => parseReference(text)).toThrow(InvalidReferenceError);
    expect(() => parseReference(text)).toThrow(JSON.stringify(text).slice(0, 100));
  });

  test("takes time in proportion to the text, also for hostile ones", () => {
    const start = performance.now();
    for (const text of ["a-".repeat(50_000), "a_".repeat(50_000), `${"a.".repeat(50_000)}/x`]) {
      expect(() => parseReference(text)).toThrow(InvalidReferenceError);
    }
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

const alphanumeric = fc.stringMatching(/^[a-z0-9]{1,4}$/);
const component = fc
  .tuple(
    alphanumeric,
    fc.array(fc.tuple(fc.constantFrom(".", "_", "__", "-", "---"), alphanumeric), { maxLength: 2 }),
  )
  .map(([first, rest]) => first + rest.flat().join(""));
const host = fc.oneof(
  fc.constantFrom("localhost", "[::1]", "[fe80::1]:5000", "10.0.0.1:1", "docker.io"),
  fc
    .tuple(fc.stringMatching(/^[a-z0-9]([a-zA-Z0-9-]{0,4}[a-z0-9])?$/), fc.nat(65_535))
    .map(([name, port]) => `${name}.io:${port}`),
);
const reference: fc.Arbitrary<Reference> = fc
  .record(
    {
      registry: host,
      repository: fc
        .array(component, { minLength: 2, maxLength: 4 })
        .map((parts) => parts.join("/")),
      tag: fc.stringMatching(/^\w[\w.-]{0,20}$/),
      digest: fc.stringMatching(/^[0-9a-f]{64}$/).map((hex): Digest => `sha256:${hex}`),
    },
    { requiredKeys: ["registry", "repository"], noNullPrototype: true },
  )
  .map((parts) => parts as Reference);

test("what is formatted parses to the same reference", () => {
  fc.assert(
    fc.property(reference, (original) => {
      expect(parseReference(formatReference(original))).toEqual(original);
    }),
  );
});

test("what parses formats to something that parses to the same reference, or is refused by name", () => {
  const pieces = fc.array(
    fc.constantFrom(
      "a",
      "b1",
      "A",
      ".",
      "_",
      "-",
      "/",
      ":",
      "@",
      "localhost",
      "docker.io",
      "5000",
      digest,
    ),
    { maxLength: 7 },
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      let parsed: Reference;
      try {
        parsed = parseReference(parts.join(""));
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidReferenceError);
        return;
      }
      expect(parseReference(formatReference(parsed))).toEqual(parsed);
    }),
    { numRuns: 2_000 },
  );
});

test("a tag is told from what is none", () => {
  expect(["v1", "_x", "1.0-a"].every(isTag)).toBe(true);
  expect(["", ".a", "-a", "a/b", "a:b", "ä", "a\n"].some(isTag)).toBe(false);
});
