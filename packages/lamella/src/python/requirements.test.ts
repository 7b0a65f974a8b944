import path from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { localRequirement } from "../image/local-requirement.ts";
import {
  formatRequirement,
  parseAnyRequirement,
  parseRequirement,
  withoutCredentials,
} from "./requirements.ts";
import {
  CredentialsInRequirementError,
  InvalidRequirementError,
  InvalidWheelFilenameError,
  RequirementNeedsBuildError,
} from "./resolution-error.ts";

const origin = { where: "image.ts", directory: "/project" };
const parse = (text: string) => parseRequirement(text, origin);
const wheel = "six-1.17.0-py2.py3-none-any.whl";
const hash = "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274";

describe("what is taken", () => {
  test.each([
    ["numpy", "numpy"],
    ["  Foo.Bar_baz  ", "foo-bar-baz"],
    ["torch >= 2.0 , < 3", "torch>=2.0,<3"],
    ["torch (>=2.0,<3)", "torch>=2.0,<3"],
    ["a==1.*", "a==1.*"],
    ["a===weird-version", "a===weird-version"],
    ["a~=1.4.2,!=1.5.*", "a~=1.4.2,!=1.5.*"],
    ["torch==2.0+cu118", "torch==2.0+cu118"],
    ["requests [security, Socks_X] >=2", "requests[security,socks-x]>=2"],
    ["a;python_version<'3.12' and  extra == 'x'", "a ; python_version<'3.12' and extra == 'x'"],
    [`six @ https://x.example/${wheel}`, `six @ https://x.example/${wheel}`],
    [
      `six@https://x.example/${wheel} ; os_name == 'posix'`,
      `six @ https://x.example/${wheel} ; os_name == 'posix'`,
    ],
    [`https://x.example/${wheel}`, `six @ https://x.example/${wheel}`],
    [`./dist/${wheel}`, `six @ file:///project/dist/${wheel}`],
    [`dist/${wheel}`, `six @ file:///project/dist/${wheel}`],
    [wheel, `six @ file:///project/${wheel}`],
    [`../${wheel}[x]`, `six[x] @ file:///${wheel}`],
    [`six @ ./${wheel}`, `six @ file:///project/${wheel}`],
    [`file:///a%20b/${wheel}`, `six @ file:///a%20b/${wheel}`],
  ])("%s", (text, line) => {
    expect(formatRequirement(parse(text))).toBe(line);
  });

  test("hashes, of the option and of the fragment", () => {
    expect(
      parse(`six==1.17.0 --hash=sha256:${hash} --hash sha256:${hash.toUpperCase()}`).hashes,
    ).toEqual([hash, hash]);
    const direct = parse(`https://x.example/${wheel}#sha256=${hash}`);
    expect(direct.hashes).toEqual([hash]);
    expect(direct.url).toBe(`https://x.example/${wheel}`);
  });
});

const repository = { kind: "repository", url: "https://h.example/psf/requests.git" };
const folder = { kind: "folder", path: "/project/lib" };

describe("what has to be built", () => {
  test.each([
    ["git+https://h.example/psf/requests.git", undefined, repository],
    ["Requests @ git+https://h.example/psf/requests.git", "requests", repository],
    ["requests@git+https://h.example/psf/requests.git", "requests", repository],
    [
      "git+https://h.example/psf/requests.git@release/2.x#egg=requests&subdirectory=a/b",
      "requests",
      { ...repository, reference: "release/2.x", subdirectory: "a/b" },
    ],
    [
      "requests @ git+https://$TOKEN@h.example/psf/requests.git@v1.0",
      "requests",
      { ...repository, credentials: { user: "$TOKEN" }, reference: "v1.0" },
    ],
    [
      "git+https://oauth2:${TOKEN}@h.example/psf/requests.git",
      undefined,
      { ...repository, credentials: { user: "oauth2", password: "$TOKEN" } },
    ],
    [
      "git+http://$USER:$TOKEN@127.0.0.1:80/x",
      undefined,
      {
        kind: "repository",
        url: "http://127.0.0.1/x",
        credentials: { user: "$USER", password: "$TOKEN" },
      },
    ],
    [
      "./six-1.17.0.tar.gz",
      undefined,
      { kind: "archive", url: "file:///project/six-1.17.0.tar.gz" },
    ],
    ["six-1.17.0.zip", undefined, { kind: "archive", url: "file:///project/six-1.17.0.zip" }],
    [
      `six @ https://x.example/six-1.17.0.tar.gz#sha256=${hash}`,
      "six",
      { kind: "archive", url: "https://x.example/six-1.17.0.tar.gz" },
    ],
    [".", undefined, { kind: "folder", path: "/project" }],
    ["./lib", undefined, folder],
    ["lib/", undefined, folder],
    ["lib @ ./lib", "lib", folder],
    ["file:///project/lib", undefined, folder],
  ])("%s", (text, name, source) => {
    const requirement = parseAnyRequirement(text, origin);
    expect(requirement).toMatchObject({ source });
    expect("source" in requirement && requirement.name).toBe(name);
    // The identifier covers the content of what lies on this machine.
    const local = localRequirement(text);
    if ("path" in source) expect(path.resolve("/project", local?.path ?? "")).toBe(source.path);
    // A constraint has no place for it.
    expect(() => parse(text)).toThrow(RequirementNeedsBuildError);
    expect(() => parse(text)).toThrow("image.ts: ");
  });

  test("extras and markers", () => {
    const text = "a[y,X] @ git+https://h.example/a ; python_version > '3.9'";
    const expected = { name: "a", extras: ["x", "y"], marker: "python_version > '3.9'" };
    expect(parseAnyRequirement(text, origin)).toMatchObject(expected);
    const extras = { extras: ["x"] };
    expect(parseAnyRequirement("./lib[x]", origin)).toMatchObject({ ...extras, source: folder });
  });

  test("a source distribution of another machine wants a hash", () => {
    const text = "six @ https://x.example/six-1.17.0.tar.gz";
    expect(() => parseAnyRequirement(text, origin)).toThrow(
      /^image.ts: .* only taken with its hash/,
    );
  });

  test.each([
    "git+ssh://git@h.example/x.git",
    "git+file:///srv/x.git",
    "git+ext::sh -c x",
    "hg+https://h.example/x",
    "git+https://h.example/",
    "git+https://h.example/x?y",
    "git+https://h.example/x@--upload-pack=y",
    "git+https://h.example/x@a..b",
    "git+https://h.example/x#subdirectory=../y",
    "git+https://h.example/x#subdirectory=/y",
    "git+http://$TOKEN@h.example/x",
    `git+https://h.example/x --hash=sha256:${hash}`,
    `./lib --hash=sha256:${hash}`,
  ])("%s is refused", (text) => {
    expect(() => parseAnyRequirement(text, origin)).toThrow(InvalidRequirementError);
  });

  test.each([
    "git+https://s3cret@h.example/x",
    "git+https://joe:s3cret@h.example/x",
    "git+https://$USER:s3cret@h.example/x",
    "x @ git+https://$a;s3cret@h.example/x",
  ])("%s has a secret in it, which is not repeated", (text) => {
    expect(() => parseAnyRequirement(text, origin)).toThrow(CredentialsInRequirementError);
    expect(() => parseAnyRequirement(text, origin)).not.toThrow("s3cret");
  });
});

describe("what is no requirement", () => {
  test.each([
    "",
    "a b c",
    "a==",
    "a=1",
    "a=>1",
    "-e .",
    "--index-url https://x.example",
    "a[",
    "a[!]",
    "a; ",
    "a; import os; os.system('x')\nb",
    "a\nb",
    "a\u0000",
    "[x]",
    "_a",
    "a --no-binary :all:",
    "a --config-settings x=y",
    "a --hash=md5:00",
    "a --hash=sha256:00",
    "a --hash",
    "${NAME}",
    "a @ ftp://x.example/a-1-py3-none-any.whl",
    "a @ https://x.example/a",
    `b @ https://x.example/${wheel}`,
  ])("%j", (text) => {
    expect(() => parse(text)).toThrow(InvalidRequirementError);
  });

  test("a line that is far too long", () => {
    expect(() => parse("x".repeat(20_000))).toThrow(InvalidRequirementError);
  });

  test("a wheel with a name that is none", () => {
    expect(() => parse("./x.whl")).toThrow(InvalidWheelFilenameError);
  });
});

test("a password in an address is refused and not repeated", () => {
  for (const text of [
    `six @ https://joe:s3cret@x.example/${wheel}`,
    `https://s3cret@x.example/${wheel}`,
    `https://joe:s3cret@x.example/y.tar.gz`,
  ]) {
    expect(() => parse(text)).toThrow(CredentialsInRequirementError);
    expect(() => parse(text)).not.toThrow(/s3cret|joe/);
  }
  expect(withoutCredentials("from https://joe:p@ss@h.example/a and http://t@h/")).toBe(
    "from https://***@h.example/a and http://***@h/",
  );
});

test("whatever is written, the resolver gets one line that begins with a name, or nothing", () => {
  const pieces = fc.constantFrom(
    "a",
    "-e ",
    "-",
    "\n",
    "\r",
    ";",
    " ",
    "#",
    "@",
    "https://h/",
    wheel,
    "[",
    "]",
    "==1",
    ">=",
    "--hash=sha256:",
    hash,
    "'",
    "\\",
    "${X}",
    "./",
    "file:///",
    "\t",
    "\u0085",
    "\u2028",
    "git+",
    "python_version<'3'",
    ",",
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(pieces, fc.string({ unit: "binary", maxLength: 3 })), { maxLength: 8 }),
      (parts) => {
        let line: string;
        try {
          line = formatRequirement(parse(parts.join("")));
        } catch (error) {
          expect(error).toHaveProperty("code");
          return;
        }
        expect(line).toMatch(
          /^[a-z0-9][a-z0-9-]*(?:\[[a-z0-9,-]+\])?(?: @ (?:https?|file):\/\/\/?[^\s;#]+\.whl|[<>=!~][^\s;#]*)?(?: ; [\x20-\x7e]+)?$/,
        );
        // What was understood is understood again in the same way; and a file that is meant is the one whose content
        // the image's identifier covers.
        expect(formatRequirement(parse(line))).toBe(line);
        const url = parse(line).url;
        if (url?.startsWith("file:")) {
          const local = localRequirement(
            parts
              .join("")
              .trim()
              .replace(/\s--hash[=\s].*$/s, ""),
          );
          expect(path.resolve("/project", local?.path ?? "")).toBe(fileURLToPath(url));
        }
      },
    ),
    { numRuns: 200 },
  );
});
