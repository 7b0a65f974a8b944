import { expect, test } from "vitest";
import { coversScopes, mergeScopes, parseScopes, pullScope, pushScope } from "./scope.ts";

test("scopes of one repository are one scope", () => {
  expect(mergeScopes([pullScope("b"), pushScope("a/x"), pushScope("b"), pullScope("b")])).toEqual([
    "repository:a/x:pull,push",
    "repository:b:pull,push",
  ]);
  expect(mergeScopes(parseScopes("  registry:catalog:* repository:b:pull "))).toEqual([
    "registry:catalog:*",
    "repository:b:pull",
  ]);
});

test("a token for more is a token for less, and not the other way round", () => {
  expect(coversScopes([pushScope("a")], [pullScope("a")])).toBe(true);
  expect(coversScopes([pullScope("a")], [pushScope("a")])).toBe(false);
  expect(coversScopes([pushScope("a"), pullScope("b")], [pullScope("b")])).toBe(true);
  expect(coversScopes([pushScope("a")], [pushScope("a"), pullScope("b")])).toBe(false);
});
