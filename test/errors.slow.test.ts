import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import {
  type RunningRegistry,
  startRegistry,
} from "../packages/lamella/testing/docker-registry.ts";
import { startHttpServer } from "../packages/lamella/testing/http-server.ts";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import { mountSmallDisk } from "../packages/lamella/testing/small-disk.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { failedBuild, type ReportedError, reportedError } from "./failed-build.ts";
import { createProject, debianImage, type Project, type RunOptions, settings } from "./project.ts";

// What people meet: each error names the input that is wrong, and its hint has a way out. `SHOW_ERRORS=1` prints them, to
// be read as a user would.

let registry: RunningRegistry;
let closed: string;

beforeAll(async () => {
  closed = `127.0.0.1:${await closedPort()}`;
  registry = await startMirror();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

/** A port of loopback where nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<unknown>((resolve) => server.close(resolve));
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

// So that no test finds the image that another one built.
let projects = 0;

interface Situation {
  /** The calls of the image, or the whole definition where it has lines. */
  readonly definition?: string;
  readonly files?: Readonly<Record<string, string>>;
  /** `config.yaml`, where it is not that of a mirror and a folder of wheels. */
  readonly settings?: (project: Project) => string;
  readonly registry?: string;
  readonly args?: readonly string[];
  readonly env?: RunOptions["env"];
}

async function failure(situation: Situation): Promise<ReportedError> {
  const { definition = 'withPipPackages("alpha")', files, args, env } = situation;
  await using project = await createProject({
    mirror: registry.host,
    wheels: "wheels",
    definition: definition.includes("\n")
      ? definition
      : debianImage(situation.registry ?? registry.host, `app-${++projects}`, definition),
    ...(files && { files }),
  });
  await mkdir(join(project.folder, "wheels"));
  await writeTinyWheels(join(project.folder, "wheels"), [
    { name: "alpha", version: "1.0" },
    { name: "alpha", version: "1.1" },
    { name: "needs-alpha", version: "1.0", requires: ["alpha<1.1"] },
    { name: "newer", version: "1.0", requiresPython: ">=3.13" },
    { name: "windows", version: "1.0", tags: "cp311-cp311-win_amd64" },
    { name: "musl", version: "1.0", tags: "cp311-cp311-musllinux_1_2_x86_64" },
    { name: "other-python", version: "1.0", tags: "cp312-cp312-manylinux_2_17_x86_64" },
  ]);
  if (situation.settings) await project.write("config.yaml", situation.settings(project));
  return await failedBuild(project, args, { ...(env && { env }) });
}

/** What is asked of an index, without the seconds in which uv asks again. */
function fromIndex(indexUrl: string): Situation {
  return {
    settings: () => settings({ mirror: registry.host, indexUrl }),
    env: { UV_HTTP_RETRIES: "0" },
  };
}

describe("packages", () => {
  test("an index that cannot be reached", async () => {
    const { message, hint } = await failure(fromIndex(`http://${closed}/simple/`));
    expect(message).toContain(closed);
    expect(hint).toMatch(/network/);
    expect(hint).toMatch(/proxy/);
  });

  test("an index whose name is not known", async () => {
    const { message, hint } = await failure(fromIndex("http://index.invalid/simple/"));
    expect(message).toContain("index.invalid");
    expect(hint).toMatch(/network/);
  });

  test("an index that wants credentials", async () => {
    await using index = await startHttpServer((_, response) => void response.writeHead(401).end());
    const { message, hint } = await failure(fromIndex(`${index.origin}/simple/`));
    expect(message).toContain(index.host);
    expect(hint).toMatch(/netrc/);
  });

  test("an index that is broken", async () => {
    await using index = await startHttpServer((_, response) => void response.writeHead(500).end());
    const { message } = await failure(fromIndex(`${index.origin}/simple/`));
    expect(message).toContain(index.host);
  });

  test.each<[string, string, RegExp, RegExp]>([
    ["that nobody has", "alfa", /alfa/, /spelling/],
    ["of no such version", "alpha==7.0", /alpha.*7\.0|7\.0.*alpha/, /version that exists/],
    ["for another Python", "newer", /newer.*Python 3\.11/, /another version/],
    ["with wheels for another Python only", "other-python", /other-python.*3\.11/, /version/],
    ["with wheels for another system only", "windows", /windows.*linux\/amd64/, /version/],
    ["with wheels for another C library only", "musl", /musl.*glibc/, /version|base/],
    ["that cannot be had together", 'alpha==1.1", "needs-alpha', /alpha/, /Loosen|specifier/],
    ["that is no requirement", "alpha==", /alpha==/, /==|PEP 508|requirement/],
  ])("one %s", async (_, requirement, named, way) => {
    const { message, hint } = await failure({ definition: `withPipPackages("${requirement}")` });
    expect(message).toMatch(named);
    expect(hint).toMatch(way);
  });

  test("a requirements file that is not there", async () => {
    const { message } = await failure({ definition: 'withRequirements("missing.txt")' });
    expect(message).toContain("missing.txt");
  });

  test("a requirements file with a line that is none", async () => {
    const { message } = await failure({
      definition: 'withRequirements("requirements.txt")',
      files: { "requirements.txt": "alpha\n???\n" },
    });
    expect(message).toContain("requirements.txt:2");
  });

  test("a folder of wheels that is not there", async () => {
    const { message } = await failure({
      settings: () => settings({ mirror: registry.host, wheels: "nowhere" }),
    });
    expect(message).toContain("nowhere");
  });

  test("no lock where one is asked for", async () => {
    const { hint } = await failure({ args: ["--locked"] });
    expect(hint).toContain("lamella lock");
  });
});

describe("registries", () => {
  test("one that is down", async () => {
    const { message, hint } = await failure({ registry: closed });
    expect(message).toContain(closed);
    expect(hint).toMatch(/address|running|port|network/);
  });

  test("one that wants a login", async () => {
    const auth = { kind: "basic", username: "me", password: "secret" } as const;
    await using locked = await startRegistry({ auth });
    const { message, hint } = await failure({ registry: locked.host });
    expect(message).toContain(locked.host);
    expect(hint).toContain(`docker login ${locked.host}`);
  });

  test("one that does not take the password", async () => {
    const auth = { kind: "basic", username: "me", password: "secret" } as const;
    await using locked = await startRegistry({ auth });
    await using project = await createProject({
      mirror: registry.host,
      definition: debianImage(locked.host, "app"),
      files: {
        "docker/config.json": JSON.stringify({
          auths: { [locked.host]: { auth: Buffer.from("me:wrong").toString("base64") } },
        }),
      },
    });
    const { message, hint } = await failedBuild(project, [], {
      env: { DOCKER_CONFIG: join(project.folder, "docker") },
    });
    expect(message).toContain(locked.host);
    expect(message).toContain("me");
    expect(message).not.toContain("wrong");
    expect(hint).toContain(`docker login ${locked.host}`);
  });

  test("one that is something else", async () => {
    await using page = await startHttpServer((_, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>Hello</html>");
    });
    const { message, hint } = await failure({ registry: page.host });
    expect(message).toContain(page.host);
    expect(hint).toMatch(/registry/);
  });

  test("a base that is not there", async () => {
    const { message, hint } = await failure({
      definition: `import { Image } from "lamella";
export default Image.fromBase("docker.io/acme/missing:1.0", ${JSON.stringify({ registry: registry.host, name: "app" })});
`,
      // Else the real registry would be asked.
      settings: () => settings({ mirror: registry.host }),
      env: { https_proxy: `http://${closed}`, HTTPS_PROXY: `http://${closed}` },
    });
    expect(message).toContain("acme/missing:1.0");
    expect(hint).not.toBe("");
  });

  test("a base that is not there, in a registry of its own", async () => {
    const base = `${registry.host}/acme/missing:1.0`;
    const { message, hint } = await failure({
      definition: `import { Image } from "lamella";
export default Image.fromBase("${base}", ${JSON.stringify({ registry: registry.host, name: "app" })});
`,
    });
    expect(message).toContain("acme/missing:1.0");
    expect(hint).toMatch(/spelling/);
  });

  test("none, where a push was asked for", async () => {
    const { message, hint } = await failure({
      definition: `import { Image } from "lamella";
export default Image.fromDebianBase({ pythonVersion: "3.11", installFlyte: false, name: "app" });
`,
      args: ["--push"],
    });
    expect(message).toContain("app");
    expect(hint).toContain("FLYTE_IMAGE_REGISTRY");
    expect(hint).toContain("config.yaml");
    expect(hint).toContain("registry:");
  });

  test("an image for a platform that the base does not have", async () => {
    const { message } = await failure({ args: ["--platform", "linux/arm64"] });
    expect(message).toContain("linux/arm64");
  });

  test("a tag that is another image", async () => {
    const definition = (variable: string): string => `import { Image } from "lamella";
export default Image.fromDebianBase(${JSON.stringify({ pythonVersion: "3.11", installFlyte: false, registry: registry.host, name: "tagged", tag: "v1" })}).withEnvVars({ A: "${variable}" });
`;
    await using project = await createProject({
      mirror: registry.host,
      definition: definition("1"),
    });
    const { code } = await lamella(["build", "image.ts"], {
      cwd: project.folder,
      env: { LAMELLA_HOME: project.store },
    });
    expect(code).toBe(0);
    await project.write("image.ts", definition("2"));
    const { message, hint } = await failedBuild(project);
    expect(message).toContain("tagged:v1");
    expect(hint).toContain("--force");
  });
});

describe("definitions", () => {
  const imported = 'import { Image } from "lamella";\n';

  test.each<[string, string, RegExp]>([
    [
      "that throws",
      `${imported}throw new Error("the model is missing");\n`,
      /image\.ts:2:7.*the model is missing/,
    ],
    ["that throws something else", `${imported}throw { reason: 7 };\n`, /image\.ts.*reason: 7/],
    [
      "that exports no image",
      `${imported}export const image = () => Image;\n`,
      /image\.ts exports no image/,
    ],
    ["that exports nothing", `${imported}\n`, /image\.ts exports no image/],
    [
      "with a mistake in its syntax",
      `${imported}export default Image.fromBase("a" "b");\n`,
      /image\.ts:2/,
    ],
    ["that is cut off", `${imported}export default Image.fromBase("debian:12"\n`, /image\.ts/],
    [
      "with a type error at run time",
      `${imported}export default Image.fromDebian("3.11");\n`,
      /image\.ts:2.*fromDebian/,
    ],
    ["with an enum", `${imported}enum Size { Small }\nexport default Size;\n`, /image\.ts:2/],
    ["that imports what is not there", 'import "./missing.ts";\n', /image\.ts:1.*missing\.ts/],
    ["that imports a package that is not there", 'import "left-pad";\n', /image\.ts:1.*left-pad/],
    ["that never ends", "await new Promise(() => {});\n", /image\.ts/],
    [
      "with a package list in a list",
      `${imported}export default Image.fromDebianBase({ pythonVersion: "3.11", installFlyte: false, name: "app" }).withPipPackages([["alpha"]]);\n`,
      /image\.ts:2/,
    ],
  ])("one %s", async (_, definition, named) => {
    const { message } = await failure({ definition });
    expect(message).toMatch(named);
  });

  test("one that is not there", async () => {
    await using project = await createProject({ mirror: registry.host, definition: "" });
    const { code, stderr } = await lamella(["build", "missing.ts"], { cwd: project.folder });
    expect(code).toBe(1);
    const { message, hint } = reportedError(stderr);
    expect(message).toContain("missing.ts");
    expect(hint).toMatch(/current directory/);
  });

  test("an export that is not there", async () => {
    await using project = await createProject({
      mirror: registry.host,
      definition: `${imported}export const trainer = Image.fromBase("debian:12");\n`,
    });
    const { code, stderr } = await lamella(["build", "image.ts#trainr"], { cwd: project.folder });
    expect(code).toBe(1);
    const { message } = reportedError(stderr);
    expect(message).toContain("trainr");
    expect(message).toContain("trainer");
  });

  test.each<[string, string, RegExp]>([
    ["folder", 'withSourceFolder("./missing", "/app")', /missing/],
    ["file", 'withSourceFile("./missing.py", "/app")', /missing\.py/],
  ])("a missing source %s", async (_, definition, named) => {
    const { message } = await failure({ definition });
    expect(message).toMatch(named);
  });
});

describe("this machine", () => {
  test("a full disk", async () => {
    await using disk = await mountSmallDisk("100k");
    const { message, hint } = await failure({ env: { LAMELLA_HOME: join(disk.path, "store") } });
    expect(message).toContain(disk.path);
    expect(hint).toContain("LAMELLA_HOME");
  });

  test("a store that cannot be written", async () => {
    await using disk = await mountSmallDisk("1m");
    await disk.remount("ro");
    const { message, hint } = await failure({ env: { LAMELLA_HOME: join(disk.path, "store") } });
    expect(message).toContain(disk.path);
    expect(hint).toContain("LAMELLA_HOME");
  });

  test("settings that are no YAML", async () => {
    const { message } = await failure({ settings: () => "lamella: {\n" });
    expect(message).toMatch(/config\.yaml:\d+/);
  });

  test("no uv and nothing to install it with", async () => {
    const { message, hint } = await failure({ env: { PATH: "/nowhere" } });
    expect(message).toContain("uv");
    expect(hint).toContain("PATH");
  });
});
