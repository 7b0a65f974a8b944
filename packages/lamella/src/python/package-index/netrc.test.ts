import * as fc from "fast-check";
import { expect, test } from "vitest";
import { netrcCredentials } from "./netrc.ts";

const netrc = `
machine one.example login joe password "p w\\"d"
macdef init
machine hidden.example login x password y

machine two.example
  account a
  password only
default login anonymous password any
`;

test("finds a host's entry, in words or quoted", () => {
  const one = netrcCredentials(netrc, "one.example");
  expect([one?.username, one?.password]).toEqual(["joe", 'p w"d']);
  const two = netrcCredentials(netrc, "two.example");
  expect([two?.username, two?.password]).toEqual(["", "only"]);
});

test("neither macros nor the default entry answer for a host", () => {
  expect(netrcCredentials(netrc, "hidden.example")).toBeUndefined();
  expect(netrcCredentials(netrc, "other.example")).toBeUndefined();
  expect(netrcCredentials("machine a.example login x", "a.example")).toBeUndefined();
});

test("no text makes it fail, and another host's password is never given", () => {
  const words = fc.array(
    fc.constantFrom(
      "machine",
      "login",
      "password",
      "default",
      "account",
      "a.example",
      "s3cret",
      '"',
      "macdef",
      "\n",
    ),
  );
  fc.assert(
    fc.property(words, (list) => {
      expect(netrcCredentials(list.join(" "), "b.example")).toBeUndefined();
    }),
  );
});
