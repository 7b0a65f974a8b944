import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  directory,
  file,
  hardLink,
  type MadeEntry,
  symlink,
  tarOf,
} from "../../testing/made-base.ts";
import type { FileEntry } from "../files/entry.ts";
import { formatReference, parseReference } from "../image/reference.ts";
import { sourceLines } from "./apt-sources.ts";
import { mirrorReference, promisedPython } from "./bootstrap.ts";
import { type DebianRootOptions, debianRoot } from "./debian-root.ts";
import { BootstrapFailedError, BootstrapUnavailableError } from "./error.ts";
import { runMmdebstrap } from "./mmdebstrap.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-bootstrap-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What is left of a root: path, and content of files. */
async function cleaned(
  entries: readonly MadeEntry[],
  options: DebianRootOptions = {},
): Promise<Map<string, string>> {
  const tar = join(folder, "root.tar");
  await writeFile(tar, await tarOf(entries));
  const left = new Map<string, string>();
  for await (const entry of debianRoot(tar, options)) left.set(entry.path, await contentOf(entry));
  return left;
}

async function contentOf(entry: FileEntry): Promise<string> {
  if (entry.kind === "symlink") return `-> ${entry.target}`;
  if (entry.kind !== "file") return "";
  const { data } = entry.content;
  const chunks = data instanceof Uint8Array ? [data] : await Array.fromAsync(data());
  return Buffer.concat(chunks).toString("utf8");
}

describe("debianRoot", () => {
  test("leaves the archives named where they are wanted", async () => {
    const sources = "deb http://archive.example/debian bookworm main\n";
    const entries = [file("etc/apt/sources.list", sources), file("etc/hostname", "builder-7\n")];
    const left = await cleaned(entries, { keepsSources: true });
    expect([...left]).toEqual([["etc/apt/sources.list", sources]]);
  });

  test("leaves the machine's traces out and the rest as it is", async () => {
    const left = await cleaned([
      directory("./"),
      directory("./dev/"),
      { name: "./dev/null", type: "character-device" },
      symlink("./dev/fd", "/proc/self/fd"),
      directory("etc"),
      file("etc/hostname", "builder-7\n"),
      file("etc/resolv.conf", "nameserver 10.0.0.1\n"),
      file("etc/apt/sources.list", "deb http://archive.example/debian bookworm main\n"),
      file("etc/apt/sources.list.d/more.sources", "URIs: http://archive.example\n"),
      file("etc/machine-id", "0123456789abcdef\n"),
      file("etc/passwd", "root\n"),
      file("etc/passwd-", "root\n"),
      directory("run/lock", { mode: 0o1777 }),
      file("run/builder.pid", "1"),
      file("usr/share/doc/perl/copyright", "licence"),
      file("usr/share/doc/perl/README", "manual"),
      directory("usr/share/man/man1"),
      file("usr/share/man/man1/perl.1.gz", "manual"),
      directory("usr/share/locale/de"),
      file("usr/bin/perl", "program", { mode: 0o755 }),
      hardLink("usr/bin/perl5", "./usr/bin/perl"),
      file("var/cache/apt/pkgcache.bin", "cache"),
      file("var/cache/debconf/config.dat-old", "backup"),
      file("var/lib/apt/lists/archive.example_InRelease", "list"),
      file("var/lib/dpkg/status", "status"),
      file("var/lib/dpkg/status-old", "backup"),
      file("var/log/bootstrap.log", "log of builder-7"),
    ]);
    expect(Object.fromEntries(left)).toEqual({
      dev: "",
      etc: "",
      "etc/apt/sources.list": "# The archives that this image was made from are not named here.\n",
      "etc/machine-id": "",
      "etc/passwd": "root\n",
      "run/lock": "",
      "usr/bin/perl": "program",
      "usr/bin/perl5": "program",
      "usr/share/doc/perl/copyright": "licence",
      "usr/share/man/man1": "",
      "var/lib/dpkg/status": "status",
    });
  });

  test.each([{ name: "usr/pipe", type: "fifo" as const }, hardLink("usr/a", "usr/not-there")])(
    "refuses $type $name, which no entry can say",
    async (entry) => {
      await expect(cleaned([entry])).rejects.toThrow(BootstrapFailedError);
    },
  );
});

/** A line of `apt-get indextargets`. */
function target(release: string, label: string, origin = "Debian", component = "main"): string {
  return [`http://${label.toLowerCase()}.example/`, release, component, origin, label].join("\t");
}

describe("sourceLines", () => {
  const machine = [
    target("bookworm", "Debian"),
    target("bookworm-updates", "Debian"),
    target("bookworm-backports", "Debian"),
    target("bookworm-security", "Debian-Security"),
    target("bookworm", "Debian", "Debian", "contrib"),
    target("nodistro", "Node", "Somebody"),
    "",
  ].join("\n");

  test("the machine's own suite, with its updates and security", () => {
    expect(sourceLines("bookworm", machine)).toEqual([
      "deb http://debian.example/ bookworm main",
      "deb http://debian.example/ bookworm-updates main",
      "deb http://debian-security.example/ bookworm-security main",
    ]);
  });

  test("another suite comes from the same archive", () => {
    expect(sourceLines("trixie", machine)).toEqual(["deb http://debian.example/ trixie main"]);
  });

  test("a machine that knows no Debian archive says nothing", () => {
    expect(sourceLines("bookworm", target("noble", "Ubuntu", "Ubuntu"))).toEqual([]);
    expect(sourceLines("bookworm", "http://[x y]/\tbookworm\tmain\tDebian\tDebian")).toEqual([]);
  });
});

test("without mmdebstrap or without root the error says what to install", async () => {
  const running = runMmdebstrap({
    suite: "bookworm",
    packages: [],
    architecture: "amd64",
    configured: true,
    sources: [],
    target: join(folder, "never.tar"),
    temporary: folder,
    env: { PATH: folder },
  });
  await expect(running).rejects.toThrow(BootstrapUnavailableError);
  await expect(running).rejects.toMatchObject({
    hint: expect.stringContaining("apt-get install mmdebstrap") as string,
  });
});

test.each([
  [
    "docker.io/library/python:3.11-slim",
    "localhost:5000",
    "localhost:5000/library/python:3.11-slim",
  ],
  ["ghcr.io/flyteorg/flyte", "mirror.example/hub/", "mirror.example/hub/flyteorg/flyte:latest"],
])("a mirror of %s at %s has it at %s", (as, to, expected) => {
  expect(formatReference(mirrorReference(parseReference(as), to))).toBe(expected);
});

test.each([
  ["python:3.11-slim-bookworm", "3.11", 0],
  ["python:3.12", "3.11", 1],
  ["python:3.11", undefined, 1],
  ["python:slim", "3.11", 0],
  ["debian:bookworm", undefined, 0],
])("%s with Python %s gives %d warnings", (as, python, warnings) => {
  const interpreter =
    python === undefined ? {} : { python: { python, executable: "", prefix: "" } };
  expect(promisedPython(parseReference(as), interpreter)).toHaveLength(warnings);
});
