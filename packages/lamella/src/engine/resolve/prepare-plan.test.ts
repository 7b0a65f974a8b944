import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { writeTinyWheels } from "../../../testing/tiny-wheel.ts";
import type { Base } from "../../base/base.ts";
import { emptyOutline, type Outline } from "../../base/outline.ts";
import { emptyConfig } from "../../config/config.ts";
import { sha256 } from "../../files/digest.ts";
import { withDefinitionRoot } from "../../image/definition-root.ts";
import { Image } from "../../image/image.ts";
import { parseReference } from "../../image/reference.ts";
import { assembleImage } from "../../oci/assemble.ts";
import { parseImageConfig } from "../../oci/config.ts";
import { parseImageManifest } from "../../oci/manifest.ts";
import { mediaType } from "../../oci/media-type.ts";
import { NoWheelError } from "../../python/resolution-error.ts";
import { requestImage } from "../image-request.ts";
import { Journal } from "../journal.ts";
import { openSession, type Session } from "../session.ts";
import { preparePlan } from "./prepare-plan.ts";
import type { PreparedPlan } from "./prepared-plan.ts";
import { pythonCalls } from "./python-calls.ts";
import { SourceTrees } from "./source-steps.ts";

let folder: string;
let session: Session;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-plan-"));
  await mkdir(join(folder, "src"));
  await writeFile(join(folder, "src/main.py"), "print()\n");
  await writeTinyWheels(join(folder, "wheels"), [
    { name: "alpha", version: "1.0" },
    { name: "beta", version: "1.0", requires: ["alpha"] },
  ]);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  const config = {
    ...emptyConfig,
    storeRoot: join(folder, "store"),
    python: { findLinks: [join(folder, "wheels")], noIndex: true },
  };
  session = await openSession(config, process.env, new Journal(() => undefined));
});

afterEach(() => session[Symbol.asyncDispose]());

const python: Outline = {
  ...emptyOutline,
  directories: new Map([["opt", { mode: 0o755, uid: 0, gid: 0 }]]),
  python: { python: "3.11", version: "3.11.2", executable: "/usr/bin/python3.11", prefix: "/usr" },
  libc: { kind: "glibc", major: 2, minor: 36 },
};

/** Plans an image on a base that has this outline. */
async function planned(outline: Outline, make: (image: Image) => Image): Promise<PreparedPlan> {
  const image = withDefinitionRoot(folder, () => make(Image.fromBase("base:1", { name: "x" })));
  const request = await requestImage(image.definition, {}, session);
  const { config, manifest } = assembleImage({
    platform: { os: "linux", architecture: "amd64" },
    layers: [
      {
        mediaType: mediaType.layerGzip,
        digest: sha256("a"),
        diffId: sha256("b"),
        size: 1,
        createdBy: "a test",
      },
    ],
    changes: { env: { PATH: "/bin" } },
  });
  const reference = parseReference("base:1");
  const base: Base = {
    reference,
    repository: session.client.repository(reference),
    descriptor: manifest.descriptor,
    manifest: parseImageManifest(manifest.bytes),
    config: parseImageConfig(config.bytes),
    layers: [],
    platform: "linux/amd64",
    outline,
    outlineKnown: true,
  };
  const calls = await pythonCalls(image.definition, session.signal);
  const trees = new SourceTrees(session);
  return preparePlan({
    request,
    base,
    calls,
    trees,
    planned: new Map(),
    first: undefined,
    session,
  });
}

/** The plan once its first boundary has been passed, and has left this outline. */
function above(prepared: PreparedPlan, outline: Outline): Promise<PreparedPlan> {
  const boundary = prepared.boundaries.find(({ found }) => found === undefined);
  if (!boundary) throw new Error("The plan has no boundary.");
  return prepared.above(boundary, { key: sha256("left"), outline });
}

function titles({ plan }: PreparedPlan): string[] {
  return plan.steps.map(({ title }) => title);
}

describe("above what executes", () => {
  test("what is to be built is planned again once the layers below are here, in the same session", async () => {
    const prepared = await planned(python, (image) =>
      image.withAptPackages("git").withPipPackages("./src"),
    );
    expect(prepared.pending).toBeInstanceOf(NoWheelError);
    await expect(above(prepared, python)).rejects.toThrow(NoWheelError);
    expect(session.signal.aborted).toBe(false);
  });

  test("a plan is the same when nothing that matters has changed", async () => {
    const prepared = await planned(python, (image) =>
      image
        .withAptPackages("git")
        .withPipPackages("beta")
        .withSourceFolder("./src", "/opt/app")
        .withCommands("make"),
    );
    const left = {
      ...python,
      directories: new Map([...python.directories, ["usr", { mode: 0o755, uid: 0, gid: 0 }]]),
      links: new Map([["bin/git", "../lib/git"]]),
    } as Outline;
    const again = await above(prepared, left);
    expect(again.plan).toEqual(prepared.plan);
    expect(titles(again)).toEqual([
      "apt-get install git",
      "folders",
      "alpha 1.0",
      "beta 1.0",
      "bytecode of alpha 1.0",
      "bytecode of beta 1.0",
      "files of several packages",
      "files in /opt/app",
      "make",
    ]);
    expect(JSON.parse(JSON.stringify(again.plan))).toEqual(again.plan);
  });

  test("files go where its links lead, and their step is another one", async () => {
    const prepared = await planned(emptyOutline, (image) =>
      image.withCommands("ln -s data /app").withSourceFolder("./src", "/app"),
    );
    const left: Outline = {
      ...emptyOutline,
      directories: new Map([["data", { mode: 0o700, uid: 5, gid: 5 }]]),
      links: new Map([["app", "data"]]),
    };
    const again = await above(prepared, left);
    const [before, after] = [prepared, again].map(({ plan }) => plan.steps.at(-1)?.key);
    expect(after).not.toBe(before);
    expect(again.plan.steps[0]).toEqual(prepared.plan.steps[0]);
  });

  test("packages wait for a Python that is not there yet, and the plan says so", async () => {
    const prepared = await planned(emptyOutline, (image) =>
      image.withAptPackages("python3").withPipPackages("alpha").withCommands("make"),
    );
    expect(titles(prepared)).toEqual(["apt-get install python3"]);
    expect(prepared.plan.pending).toMatch(/no Python/);
    const again = await above(prepared, python);
    expect(again.plan.pending).toBeUndefined();
    expect(titles(again).at(-1)).toBe("make");
    expect(again.plan.packages.map(({ name }) => name)).toEqual(["alpha"]);
    await expect(above(prepared, emptyOutline)).rejects.toMatchObject({ code: "python-missing" });
  });

  test("packages that it changed are put right, and keep their place in the plan's list", async () => {
    const prepared = await planned(python, (image) =>
      image.withPipPackages("alpha").withCommands("pip install alpha==0.5").withPipPackages("beta"),
    );
    const location = "opt/venv/lib/python3.11/site-packages";
    const left: Outline = {
      ...python,
      venvFiles: new Set([`${location}/alpha.py`]),
      venv: { prefix: "/opt/venv", physicalPrefix: "opt/venv", python: "3.11" },
      distributions: [
        {
          name: "alpha",
          version: "0.5",
          location: `${location}/alpha-0.5.dist-info`,
          record: [`${location}/alpha.py`],
        },
      ],
    };
    const again = await above(prepared, left);
    const wheels = again.plan.steps.flatMap((step) =>
      step.kind === "wheels"
        ? [step.packages.map((index) => again.plan.packages[index]?.name).join()]
        : [],
    );
    expect(wheels).toEqual(["alpha", "alpha", "beta"]);
    expect(titles(again)).toContain("without the base's alpha 0.5");
    const below = again.plan.steps.findIndex(({ kind }) => kind === "execute") + 1;
    expect(again.plan.steps.slice(0, below)).toEqual(prepared.plan.steps.slice(0, below));
  });
});

/** Key of the highest step that executes. */
async function keyOf(make: (image: Image) => Image): Promise<string | undefined> {
  const { plan } = await planned(python, make);
  return plan.steps.findLast(({ kind }) => kind === "execute")?.key;
}

describe("a step that executes", () => {
  test("has a key for all that decides its result, and none for what does not", async () => {
    const key = await keyOf((image) => image.withCommands("make"));
    expect(await keyOf((image) => image.withCommands("make").withEnvVars({ A: "1" }))).toBe(key);
    expect(await keyOf((image) => image.withCommands("make").withPipPackages("alpha"))).toBe(key);
    const others = [
      (image: Image) => image.withCommands("make "),
      (image: Image) => image.withEnvVars({ A: "1" }).withCommands("make"),
      (image: Image) => image.withWorkdir("/a").withCommands("make"),
      (image: Image) => image.withPipPackages("alpha").withCommands("make"),
      (image: Image) => image.withCommands(["make"], { secretMounts: "a" }),
      (image: Image) => image.withCommands(["make"], { secretMounts: { key: "a", envVar: "B" } }),
      (image: Image) => image.withCommands("true", "make"),
    ];
    const keys = await Promise.all(others.map(keyOf));
    expect(new Set([key, ...keys]).size).toBe(others.length + 1);
  });
});
