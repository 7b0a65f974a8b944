import { describe, expect, test } from "vitest";
import { AccountError } from "./error.ts";
import { emptyOutline, type Outline } from "./outline.ts";
import { withEntries } from "./placement.ts";
import { addUser } from "./users.ts";

const plain = { mode: 0o755, uid: 0, gid: 0 };
const text = (lines: string[], mode = 0o644, gid = 0) => ({
  text: `${lines.join("\n")}\n`,
  mode,
  uid: 0,
  gid,
});

const debian: Outline = {
  ...emptyOutline,
  directories: new Map([
    ["etc", plain],
    ["home", plain],
    ["root", { mode: 0o700, uid: 0, gid: 0 }],
    ["root/.cache", { mode: 0o711, uid: 0, gid: 0 }],
    ["rooted", plain],
  ]),
  passwd: text(["root:x:0:0:root:/root:/bin/bash", "nobody:x:65534:65534::/:/bin/false"]),
  group: text(["root:x:0:", "nogroup:x:65534:"]),
  shadow: text(["root:*:20000:0:99999:7:::"], 0o640, 42),
  gshadow: text(["root:*::"], 0o640, 42),
};

const flyte = { name: "flyte", home: "/home/flyte", shell: "/bin/bash", owns: ["/root"] };

function withAccounts(passwd: string[], group: string[]): Outline {
  return { ...debian, passwd: text(passwd), group: text(group) };
}

describe("addUser", () => {
  test("edits the account files as useradd does, without a clock", () => {
    const { entries, uid, gid } = addUser(debian, flyte);
    expect([uid, gid]).toEqual([1000, 1000]);
    const after = withEntries(debian, entries);
    expect(after.passwd?.text).toBe(
      `${debian.passwd?.text}flyte:x:1000:1000::/home/flyte:/bin/bash\n`,
    );
    expect(after.group?.text).toBe(`${debian.group?.text}flyte:x:1000:\n`);
    expect(after.shadow).toEqual({
      ...debian.shadow,
      text: `${debian.shadow?.text}flyte:!::0:99999:7:::\n`,
    });
    expect(after.gshadow?.text).toBe(`${debian.gshadow?.text}flyte:!::\n`);
    expect(after.directories.get("home/flyte")).toEqual({ mode: 0o755, uid: 1000, gid: 1000 });
    expect(after.directories.get("root")).toEqual({ mode: 0o700, uid: 1000, gid: 1000 });
    expect(after.directories.get("root/.cache")).toEqual({ mode: 0o711, uid: 1000, gid: 1000 });
    expect(after.directories.get("rooted")).toEqual(plain);
    expect(entries.map(({ path }) => path)).toEqual([
      "etc",
      "etc/group",
      "etc/gshadow",
      "etc/passwd",
      "etc/shadow",
      "home",
      "home/flyte",
      "root",
      "root/.cache",
    ]);
    const shadow = entries.find(({ path }) => path === "etc/shadow");
    expect(shadow).toMatchObject({ mode: 0o640, gid: 42 });
  });

  test("adding the user again changes nothing", () => {
    const once = withEntries(debian, addUser(debian, flyte).entries);
    expect(addUser(once, flyte)).toEqual({ entries: [], uid: 1000, gid: 1000 });
  });

  test("a user that is there keeps its ids and gets its directories", () => {
    const there = withAccounts(["flyte:x:500:600::/home/flyte:/bin/sh"], ["staff:x:600:"]);
    const { entries, uid, gid } = addUser(there, flyte);
    expect([uid, gid]).toEqual([500, 600]);
    expect(entries.filter(({ kind }) => kind === "file")).toEqual([]);
    expect(entries.find(({ path }) => path === "root")).toMatchObject({ uid: 500, gid: 600 });
  });

  test.each([
    [["a:x:1000:1000:::", "b:x:1004:1004:::", "n:x:65534:1:::"], ["g:x:1007:"], 1005, 1005],
    [["a:x:1000:1:::"], ["g:x:1001:"], 1001, 1002],
    [["a:x:60000:1:::", "b:x:1000:1:::"], [], 1001, 1001],
    [["a:x:boo:1:::", "", "#"], ["flyte:x:77:"], 1000, 77],
  ])("with %j and %j the ids are %d and %d", (passwd, group, uid, gid) => {
    const added = addUser(withAccounts(passwd, group), flyte);
    expect([added.uid, added.gid]).toEqual([uid, gid]);
  });

  test("a file without a last newline is not torn", () => {
    const passwd = { ...plain, mode: 0o644, text: "root:x:0:0::/root:/bin/sh" };
    const after = withEntries(debian, addUser({ ...debian, passwd }, flyte).entries);
    expect(after.passwd?.text.split("\n")).toEqual([
      "root:x:0:0::/root:/bin/sh",
      "flyte:x:1000:1000::/home/flyte:/bin/bash",
      "",
    ]);
  });

  test("a base without account files gets them, with root", () => {
    const after = withEntries(emptyOutline, addUser(emptyOutline, flyte).entries);
    expect(after.passwd?.text).toBe(
      "root:x:0:0:root:/root:/bin/sh\nflyte:*:1000:1000::/home/flyte:/bin/bash\n",
    );
    expect(after.shadow).toBeUndefined();
    expect(after.directories.has("root")).toBe(false);
  });

  test("a home behind a link is made where the link leads", () => {
    const linked = { ...debian, links: new Map([["home", "/data/people"]]) };
    const paths = addUser(linked, flyte).entries.map(({ path }) => path);
    expect(paths).toContain("data/people/flyte");
    expect(paths).not.toContain("home");
  });

  test.each([
    { ...flyte, name: "a:b" },
    { ...flyte, name: "Root" },
    { ...flyte, shell: "/bin/sh\nevil:x:0:0:::" },
  ])("refuses $name $shell", (user) => {
    expect(() => addUser(debian, user)).toThrow(AccountError);
  });

  test.each([
    ["etc", "/config/etc", "/etc/passwd"],
    ["etc/group", "../config/group", "/etc/group"],
  ])("refuses account files behind the link %s, and names a way that works", (path, to, file) => {
    const linked = { ...debian, links: new Map([[path, to]]) };
    expect(() => addUser(linked, flyte)).toThrow(
      expect.objectContaining({
        code: "base-account",
        message: expect.stringContaining(`${file} is a link`),
        hint: expect.stringMatching(/account files are files, or Image\.fromBase/),
      }),
    );
  });
});
