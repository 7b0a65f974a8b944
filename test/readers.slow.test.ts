import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startContainerd } from "../packages/lamella/testing/containerd.ts";
import { findCrane } from "../packages/lamella/testing/crane.ts";
import { output } from "../packages/lamella/testing/daemon.ts";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import { startDockerEngine } from "../packages/lamella/testing/docker-engine.ts";
import {
  type RunningRegistry,
  startRegistry,
} from "../packages/lamella/testing/docker-registry.ts";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import { unpackWithUmoci } from "../packages/lamella/testing/umoci.ts";
import { build, createProject, type Project } from "./project.ts";

// Others read what we build: every program that people pull, copy, unpack and check images with.

let registry: RunningRegistry;
let project: Project;
/** The image, by digest, as the command prints it. */
let image: string;
let open: AsyncDisposableStack;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startMirror());
  project = opening.use(
    await createProject({
      mirror: registry.host,
      definition: definition(registry.host),
      files: { "src/main.py": program, "src/shop/__init__.py": "name = 'shop'\n" },
    }),
  );
  image = await printedImage(project);
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

function definition(host: string): string {
  return `import { Image } from "lamella";
export default Image.fromDebianBase({
  pythonVersion: "3.11",
  installFlyte: false,
  registry: "${host}/team",
  name: "readers",
})
  .withPipPackages("numpy")
  .withEnvVars({ GREETING: ${JSON.stringify(greeting.replaceAll("$", "\\$"))} })
  .withSourceFolder("./src", "/srv/app")
  .withWorkdir("/srv/app");
`;
}

const greeting = `Grüße, "all" of 'you' = $HOME`;

/** Says where it finds itself. numpy's linear algebra is machine code, and so is what it needs beside itself. */
const program = `
import grp, json, os, pwd, sys
import numpy
import shop

owner = os.stat("main.py")
print(json.dumps({
    "solved": numpy.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [3.0, 5.0]).tolist(),
    "machine code": numpy.linalg._umath_linalg.__file__.endswith(".so"),
    "bytecode": os.path.exists(numpy.__cached__),
    "found in": os.path.commonpath([numpy.__file__, sys.prefix]),
    "source": shop.name,
    "source's owner": [owner.st_uid, owner.st_gid, oct(owner.st_mode)],
    "workdir": os.getcwd(),
    "user": pwd.getpwuid(os.getuid()).pw_name,
    "group": grp.getgrgid(os.getgid()).gr_name,
    "home": pwd.getpwuid(os.getuid()).pw_dir,
    "greeting": os.environ["GREETING"],
    "environment": os.environ["VIRTUAL_ENV"],
}))
`;

const command = ["python", "main.py"];

/** Holds what the program printed to the definition. */
function expectAsDefined(printed: string): void {
  expect(JSON.parse(printed)).toEqual({
    solved: [1.5, 1.25],
    "machine code": true,
    bytecode: true,
    "found in": "/opt/venv",
    source: "shop",
    "source's owner": [1000, 1000, "0o100644"],
    workdir: "/srv/app",
    user: "flyte",
    group: "flyte",
    home: "/home/flyte",
    greeting,
    environment: "/opt/venv",
  });
}

async function printedImage({ folder, store }: Project): Promise<string> {
  const { code, stdout, stderr } = await lamella(["build", "image.ts", "--progress", "quiet"], {
    cwd: folder,
    env: { LAMELLA_HOME: store },
  });
  if (code !== 0) throw new Error(`lamella build ended with code ${code}:\n${stderr}`);
  return stdout.trim();
}

function digestOf(reference: string): string {
  return reference.slice(reference.indexOf("@") + 1);
}

test("the command prints the image by its digest", () => {
  expect(image).toMatch(/^127\.0\.0\.1:\d+\/team\/readers@sha256:[0-9a-f]{64}$/);
});

test("Docker's engine pulls it and runs it", async () => {
  await using engine = await startDockerEngine();
  await engine.pull(image);
  expectAsDefined(await engine.run(image, command));
});

test("containerd pulls it and runs it", async () => {
  await using engine = await startContainerd();
  await engine.pull(image);
  expectAsDefined(await engine.run(image, command));
});

test("skopeo copies it to another registry, where it has the same digest", async () => {
  await using other = await startRegistry();
  await copy(`docker://${image}`, `docker://${other.host}/copied:tag`);
  const response = await fetch(`http://${other.host}/v2/copied/manifests/tag`, {
    headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
  });
  expect(response.status).toBe(200);
  expect(response.headers.get("docker-content-digest")).toBe(digestOf(image));
});

test("umoci unpacks what skopeo copies into a layout, and runc runs that", async () => {
  const layout = join(project.folder, "copied");
  await copy(`docker://${image}`, `oci:${layout}:tag`);
  await using bundle = await unpackWithUmoci(layout, "tag");
  expectAsDefined(await bundle.run(command));
});

test("umoci unpacks a layout that we write, which is of the same digest", async () => {
  const layout = join(project.folder, "written");
  const { digest, tags } = await build(project, ["--output", `oci:${layout}`, "--tag", "written"]);
  expect(digest).toBe(digestOf(image));
  expect(tags).toContain("written");
  await using bundle = await unpackWithUmoci(layout, "written");
  expectAsDefined(await bundle.run(command));
});

test("crane finds nothing wrong with it", async ({ skip }) => {
  const crane = await findCrane();
  if (crane === undefined) skip("There is no Go to build crane with.");
  else await output(crane, ["validate", "--insecure", "--remote", image]);
});

function copy(from: string, to: string): Promise<string> {
  const options = ["--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"];
  return output("skopeo", ["copy", ...options, from, to]);
}
