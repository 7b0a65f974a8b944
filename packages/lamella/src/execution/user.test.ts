import { expect, test } from "vitest";
import { UnknownUserError } from "./error.ts";
import { resolveUser } from "./user.ts";

const passwd = `root:x:0:0:root:/root:/bin/sh
# a comment
ada:x:1000:1001:Ada,,,:/home/ada:/bin/bash
broken:x:no:1::
42:x:7:8::/home/answer:
`;
const group = "root:x:0:\nada:x:1001:\nvideo:x:44:grace,ada\naudio:x:29:ada\n";

test.each([
  ["", { uid: 0, gid: 0, additionalGids: [], home: "/root" }],
  ["root", { uid: 0, gid: 0, additionalGids: [], home: "/root" }],
  ["ada", { uid: 1000, gid: 1001, additionalGids: [44, 29], home: "/home/ada" }],
  ["1000", { uid: 1000, gid: 1001, additionalGids: [44, 29], home: "/home/ada" }],
  ["ada:video", { uid: 1000, gid: 44, additionalGids: [], home: "/home/ada" }],
  ["5000:6000", { uid: 5000, gid: 6000, additionalGids: [], home: undefined }],
  ["5000", { uid: 5000, gid: 0, additionalGids: [], home: undefined }],
  // A name wins over a number.
  ["42", { uid: 7, gid: 8, additionalGids: [], home: "/home/answer" }],
])("%j", (text, user) => {
  expect(resolveUser(text, passwd, group)).toEqual(user);
});

test("numbers need no files", () => {
  expect(resolveUser("1000:1000", "", "")).toMatchObject({ uid: 1000, gid: 1000 });
});

test.each(["grace", "ada:wheel", "broken", "4294967295", "-1", "0x0"])("%j is unknown", (text) => {
  expect(() => resolveUser(text, passwd, group)).toThrow(UnknownUserError);
});
