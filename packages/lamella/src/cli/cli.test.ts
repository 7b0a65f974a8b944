import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";

const bin = join(import.meta.dirname, "bin.ts");
let folder: string;

/** Two exports `a` and `b`, by the names of their images. */
const two = (a: string, b: string) =>
  ["a", "b"].map((name, index) => {
    const options = JSON.stringify({ name: [a, b][index] });
    return `export const ${name} = Image.fromBase("debian:12", ${options}).withEnvVars({ A: "${name}" });`;
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-cli-"));
  await chmod(folder, 0o755);
  const image = 'import { Image } from "lamella";\n';
  await writeFile(
    join(folder, "image.ts"),
    `${image}export default Image.fromBase("debian:12", { registry: "localhost:5000", name: "iris" });`,
  );
  await writeFile(join(folder, "two.ts"), [image, ...two("local-a", "local-b")].join("\n"));
  await writeFile(join(folder, "twins.ts"), [image, ...two("twin", "twin")].join("\n"));
  await writeFile(
    join(folder, "typo.ts"),
    `${image}export default Image.fromBase("debian:12", { name: "n" }).withPipPackage("six");`,
  );
  await writeFile(join(folder, "throws.ts"), `${image}throw new Error("boom");`);
  await writeFile(join(folder, "forever.ts"), "await new Promise(() => {});");
  await writeFile(
    join(folder, "slow.ts"),
    'setInterval(() => {}, 1000); process.stderr.write("loading\\n"); await new Promise(() => {});',
  );
});

afterAll(() => rm(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A user without rights, by custom. */
const nobody = 65534;

function start(
  inputs: readonly string[],
  env: Readonly<Record<string, string>> = {},
  uid?: number,
  cwd = folder,
) {
  const { PATH = "" } = process.env;
  return spawn(process.execPath, [bin, ...inputs], {
    cwd,
    env: { PATH, HOME: folder, LAMELLA_HOME: join(folder, "home"), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(uid !== undefined && { uid, gid: uid }),
  });
}

async function lamella(
  inputs: readonly string[],
  env?: Readonly<Record<string, string>>,
  uid?: number,
  cwd?: string,
): Promise<Ended> {
  const child = start(inputs, env, uid, cwd);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit") as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

test("lamella id prints identifier and name", async () => {
  const { code, stdout, stderr } = await lamella(["id", "image.ts"]);
  expect(stderr).toBe("");
  const [, identifier = "", tag] =
    /^([0-9a-f]{64})\tlocalhost:5000\/iris:([0-9a-f]{32})\n$/.exec(stdout) ?? [];
  expect(identifier.slice(0, 32)).toBe(tag);
  expect(code).toBe(0);
});

test("lamella id says which export is which, when there are several", async () => {
  const { stdout } = await lamella(["id", "two.ts"]);
  expect(stdout).toMatch(/^[0-9a-f]{64}\tlocal-a:\w+\ta\n[0-9a-f]{64}\tlocal-b:\w+\tb\n$/);
});

test("a configuration file that is not there is said in words", async () => {
  const { stderr, code } = await lamella(["id", "image.ts", "--config", "no.yaml"]);
  expect(stderr).toMatch(
    /^error: Cannot read the configuration file .*no\.yaml: it is not there\.$/m,
  );
  expect(stderr).not.toMatch(/ENOENT/);
  expect(code).toBe(1);
});

test("two images that would have one tag are refused before anything is built", async () => {
  const { stderr, code } = await lamella(["build", "twins.ts", "--tag", "latest"]);
  expect(stderr).toMatch(/^error: twins\.ts#a and twins\.ts#b .* both would be twin:latest\.$/m);
  expect(stderr).toMatch(/Nothing was built\./);
  expect(code).toBe(1);
});

test("lamella default-image prints the image, and says on request who decided", async () => {
  const env = { FLYTE_INTERNAL_IMAGE_ENV_VAR: "acme/task:v1", PATH: "" };
  expect(await lamella(["default-image"], env)).toMatchObject({
    stdout: "acme/task:v1\n",
    code: 0,
  });
  const { stdout } = await lamella(["default-image", "--explain"], env);
  expect(stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, "  "))).toEqual([
    "acme/task:v1",
    "  plugin  -  no plugin says one",
    "*  environment  acme/task:v1  the variable FLYTE_INTERNAL_IMAGE_ENV_VAR",
    expect.stringContaining(
      "  detection  cr.flyte.org/flyteorg/flytekit:py3.12-latest  Python 3.12",
    ),
    "",
  ]);
  const published = await lamella(
    ["default-image", "--python", "3.11", "--version", "v2.1.0"],
    env,
  );
  expect(published.stdout).toBe("ghcr.io/flyteorg/flyte:py3.11-v2.1.0\n");
});

test("lamella config shows every setting, who set it, and which file was read", async () => {
  const cwd = join(folder, "configured");
  await mkdir(cwd, { recursive: true });
  await writeFile(
    join(cwd, "config.yaml"),
    [
      "image: { registry: ghcr.io/acme, image_refs: { spark: acme/spark:v2 } }",
      "lamela: {}",
      "lamella:",
      "  python: { indexUrl: 'https://ada:secret@packages.acme.com/simple' }",
      "  steps: { timeout: 30m }",
    ].join("\n"),
  );
  await writeFile(join(cwd, "flytekit.config"), "[images]\n");
  const env = { FLYTE_IMAGE_REGISTRY: "quay.io/acme", UV_NO_CONFIG: "1" };
  const { stdout, stderr, code } = await lamella(["config"], env, undefined, cwd);
  expect(code).toBe(0);
  const lines = stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, "  "));
  expect(lines).toContain("image.registry  quay.io/acme  the variable FLYTE_IMAGE_REGISTRY");
  expect(lines).toContain("images.spark  acme/spark:v2  config.yaml:1:55");
  expect(lines).toContain(
    "lamella.python.indexUrl  https://packages.acme.com/simple  config.yaml:4:23",
  );
  expect(lines).toContain("lamella.steps.timeout  1800 s  config.yaml:5:21");
  expect(lines).toContain("lamella.cache.to  -  not set");
  expect(lines.slice(-3)).toEqual([
    "Read: config.yaml",
    "Not read, since only one file is: flytekit.config",
    "",
  ]);
  expect(stderr).toBe(
    `warning: ${join(cwd, "config.yaml")}:2:1: unknown setting 'lamela'; did you mean 'lamella'?\n`,
  );
  const json = await lamella(["config", "--json"], env, undefined, cwd);
  expect(JSON.parse(json.stdout).settings[0]).toEqual({
    name: "image.registry",
    value: "quay.io/acme",
    source: { kind: "environment", variable: "FLYTE_IMAGE_REGISTRY" },
  });
  expect(json.stdout).not.toMatch(/secret/);
});

test("lamella images lists the default image and the named ones, and what says so", async () => {
  const env = { FLYTE_INTERNAL_IMAGE: "acme/task:v1" };
  const cwd = join(import.meta.dirname, "../config/fixtures");
  const inputs = ["images", "--config", "images.config", "--image", "other=acme/other:v1"];
  const { stdout } = await lamella(inputs, env, undefined, cwd);
  expect(stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, "  "))).toEqual([
    "default  acme/task:v1  the variable FLYTE_INTERNAL_IMAGE",
    "my_custom_image  docker.io/myorg/my-custom-image:v1.0.0  images.config:2:17",
    "another_image  myregistry.com/path/to/image  images.config:3:15",
    "other  acme/other:v1  the option --image",
    "",
  ]);
  const json = await lamella([...inputs, "--json"], env, undefined, cwd);
  expect(JSON.parse(json.stdout).default_image).toEqual({
    name: "default",
    fqn: "acme/task",
    tag: "v1",
    digest: null,
  });
  const unknown = await lamella(
    inputs,
    { FLYTE_INTERNAL_IMAGE: "https://acme.com" },
    undefined,
    cwd,
  );
  expect(unknown.stderr).toMatch(
    /^warning: There is no default image\. The variable FLYTE_INTERNAL_IMAGE: Not an image/,
  );
  expect(unknown.stdout).toMatch(/^my_custom_image .*\nanother_image .*\nother .*\n$/);
  const untagged = await lamella(["images", "--image", "spark=acme/spark"]);
  expect(untagged.stderr).toMatch(
    /^error: image cannot be "spark=acme\/spark": .*neither a tag nor a digest/,
  );
  expect(untagged.code).toBe(2);
});

test("a mistyped method is told from the one that was meant", async () => {
  const { stderr } = await lamella(["id", "typo.ts"]);
  expect(stderr).toMatch(
    /^error: typo\.ts:2:\d+ threw TypeError: .*withPipPackage is not a function/,
  );
  expect(stderr).toMatch(/Did you mean withPipPackages\?/);
});

test("--version is the package's", async () => {
  const { version } = JSON.parse(
    await readFile(join(import.meta.dirname, "../../package.json"), "utf8"),
  );
  expect(await lamella(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test.each([
  ["--help"],
  ["build", "--help"],
  ["run", "--help"],
  ["plan", "--help"],
  ["diff", "--help"],
  ["prune", "--help"],
  ["base", "bootstrap", "--help"],
  ["default-image", "--help"],
  ["config", "--help"],
  ["images", "--help"],
])("%s teaches by example, in 120 columns", async (...inputs) => {
  const { code, stdout } = await lamella(inputs);
  expect(code).toBe(0);
  expect(stdout).toMatch(/\nEXAMPLES\n {2}lamella /);
  expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
});

test("the definition that the help shows works as it stands", async () => {
  const { stdout } = await lamella(["--help"]);
  const [, example = ""] = /^ *\/\/ image\.ts\n([\s\S]*?;)\n\n/m.exec(stdout) ?? [];
  await writeFile(join(folder, "shown.ts"), example);
  await mkdir(join(folder, "src"), { recursive: true });
  const { code, stdout: printed, stderr } = await lamella(["id", "shown.ts"]);
  expect(stderr).toBe("");
  expect(printed).toMatch(/\tghcr\.io\/acme\/trainer:/);
  expect(code).toBe(0);
});

test.runIf(process.geteuid?.() === 0)(
  "run says that it needs root before anything is fetched or unpacked",
  async () => {
    const { code, stdout, stderr } = await lamella(["run", "image.ts", "--", "true"], {}, nobody);
    expect(stderr).toMatch(/^error: Only root can run containers/);
    expect(stdout).toBe("");
    expect(code).toBe(1);
  },
);

test.each([
  ["missing/built.json", /: the folder .*\/missing: it is not there\.$/m],
  [".", /it is a folder/],
])("a metadata file %s is refused before anything is built", async (path, why) => {
  const { code, stdout, stderr } = await lamella(["build", "image.ts", "--metadata-file", path]);
  expect(stderr).toMatch(/^error: Cannot write the metadata file /);
  expect(stderr).toMatch(why);
  expect(stderr).toMatch(/Nothing was built\./);
  expect(stdout).toBe("");
  expect(code).toBe(1);
});

test.each([
  [["biuld", "image.ts"], /Did you mean build\?/],
  [["build", "image.ts", "--forse"], /There is no option --forse\. Did you mean --force\?/],
  [["build", "image.ts", "-V"], /There is no option -V\.\n.*--help/],
  [["run", "image.ts", "python", "-V"], /no option -V\.\n.*behind --, as in: lamella run/],
  [["build", "image.ts", "--progress", "loud"], /auto\|tty\|plain\|json\|quiet/],
  [["build", "image.ts", "--output", "tar:x"], /oci:DIR/],
  [["build", "image.ts", "--platform", "linux/vax"], /linux\/amd64/],
  [["build", "image.ts", "--step-timeout", "0s"], /more than nothing/],
  [["build", "image.ts", "--secret", "hunter2"], /^error: --secret: It takes id=KEY,/],
  [["id"], /FILE/],
])("%j is a usage error", async (inputs, message) => {
  const { code, stdout, stderr } = await lamella(inputs);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^ +at /m);
  expect(stdout).toBe("");
  expect(code).toBe(2);
});

test("an error has no stack, unless --debug asks for it", async () => {
  const brief = await lamella(["id", "throws.ts"]);
  expect(brief).toEqual({
    code: 1,
    stdout: "",
    stderr:
      "error: throws.ts:2:7 threw Error: boom.\n  That is the file's own error: mend it there. --debug shows the whole stack.\n",
  });
  const debug = await lamella(["id", "throws.ts", "--debug"]);
  expect(debug.stderr).toMatch(/^ +at .*definition-failure/m);
  expect(debug.code).toBe(1);
});

test("a file that never finishes loading is an error", async () => {
  const { code, stderr } = await lamella(["id", "forever.ts"]);
  expect(stderr).toMatch(/^error: forever\.ts never finishes loading/);
  expect(code).toBe(1);
});

test("colours are for terminals and those who ask", async () => {
  expect((await lamella(["id", "throws.ts"], { FORCE_COLOR: "1" })).stderr).toContain("\u001b[");
  expect((await lamella(["id", "throws.ts"], { FORCE_COLOR: "1", NO_COLOR: "1" })).stderr).toMatch(
    /^error/m,
  );
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s stops it, also while a definition loads", async (signal, expected) => {
  const child = start(["id", "slow.ts"]);
  await once(child.stderr, "data");
  child.kill(signal);
  const [[code], stderr] = await Promise.all([once(child, "exit"), text(child.stderr)]);
  expect(stderr).toBe("error: Interrupted.\n");
  expect(code).toBe(expected);
});

test("a reader that goes away is no error", async () => {
  const child = start(["--help"]);
  child.stdout.destroy();
  const [[code], stderr] = await Promise.all([once(child, "exit"), text(child.stderr)]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
});
