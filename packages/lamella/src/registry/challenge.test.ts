import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseChallenges } from "./challenge.ts";

const plain = (header: string | readonly string[]): unknown =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe("WWW-Authenticate", () => {
  test("of a registry with a token server", () => {
    expect(
      plain(
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      ),
    ).toEqual([
      [
        "bearer",
        {
          realm: "https://auth.docker.io/token",
          service: "registry.docker.io",
          scope: "repository:a/b:pull,push",
        },
      ],
    ]);
  });

  test("with several challenges in one line and in several", () => {
    const expected = [
      ["negotiate", {}],
      ["basic", { realm: "a, b" }],
      ["bearer", { realm: "https://x/", error: "invalid_token" }],
    ];
    expect(
      plain('Negotiate, Basic realm="a, b", BEARER Realm = "https://x/" , error=invalid_token'),
    ).toEqual(expected);
    expect(
      plain(["Negotiate", 'Basic realm="a, b"', 'Bearer realm="https://x/",error=invalid_token']),
    ).toEqual(expected);
  });

  test("with a lone value in place of parameters", () => {
    expect(plain('Negotiate YWJj==, Basic realm="x"')).toEqual([
      ["negotiate", {}],
      ["basic", { realm: "x" }],
    ]);
  });

  test("with quoted quotes", () => {
    expect(plain(String.raw`Basic realm="say \"a\\b\""`)).toEqual([
      ["basic", { realm: String.raw`say "a\b"` }],
    ]);
  });

  test("keeps what stands before malformed text", () => {
    expect(plain('Basic realm="a", Bearer realm="unclosed')).toEqual([
      ["basic", { realm: "a" }],
      ["bearer", {}],
    ]);
    expect(plain("")).toEqual([]);
    expect(plain("==")).toEqual([]);
  });

  test("never fails and never hangs on anything", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("Basic", " ", ",", "=", '"', "\\", "a", "é", "\0")),
        (parts) => {
          expect(parseChallenges(parts.join("")).length).toBeLessThanOrEqual(parts.length);
        },
      ),
    );
  });

  test("reads back what is written by the rules", () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    const challenge = fc.tuple(
      fc.constantFrom("basic", "bearer", "digest"),
      fc.uniqueArray(fc.tuple(name, fc.string()), { selector: ([key]) => key, minLength: 1 }),
    );
    fc.assert(
      fc.property(fc.array(challenge), (challenges) => {
        const header = challenges
          .map(([scheme, parameters]) => {
            const quoted = parameters.map(
              ([key, value]) => `${key}="${value.replaceAll(/["\\]/g, "\\$&")}"`,
            );
            return `${scheme} ${quoted.join(", ")}`;
          })
          .join(", ");
        expect(plain(header)).toEqual(
          challenges.map(([scheme, parameters]) => [scheme, Object.fromEntries(parameters)]),
        );
      }),
    );
  });
});
