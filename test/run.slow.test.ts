import { afterAll, beforeAll, expect, test } from "vitest";
import { pushDebianBase } from "../packages/lamella/testing/debian-base.ts";
import { startDockerEngine } from "../packages/lamella/testing/docker-engine.ts";
import {
  type RunningRegistry,
  startRegistry,
} from "../packages/lamella/testing/docker-registry.ts";
import { type LamellaResult, lamella } from "../packages/lamella/testing/lamella.ts";
import { build, createProject, type Project } from "./project.ts";

let registry: RunningRegistry;
let project: Project;

beforeAll(async () => {
  registry = await startRegistry();
  await pushDebianBase(registry.host, { python: false, as: "docker.io/library/debian:12" });
  project = await createProject({
    mirror: registry.host,
    definition: `import { Image } from "lamella";
export default Image.fromBase("debian:12", { registry: "${registry.host}", name: "app" })
  .withSourceFolder("./src", "/app");`,
    files: { "src/said.txt": "first\n" },
  });
});
afterAll(async () => {
  await project?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

function run(...args: readonly string[]): Promise<LamellaResult> {
  return lamella(["run", ...args], {
    cwd: project.folder,
    env: { LAMELLA_HOME: project.store },
  });
}

test("a command that the image lacks is said once, with the exit code of shells", async () => {
  await build(project);
  const { code, stdout, stderr } = await run("image.ts", "--", "nosuch");
  expect(stderr).toMatch(/^error: The image has no program "nosuch" in its PATH \(.*\)\.\n.*\n$/);
  expect({ code, stdout }).toEqual({ code: 127, stdout: "" });
  expect(await run("image.ts", "--", "/app/said.txt")).toMatchObject({ code: 126 });
});

test("who runs what is as the definition says it, here and in Docker's engine", async () => {
  await project.write(
    "serve.ts",
    `import { Image } from "lamella";
export default Image.fromBase("debian:12", { registry: "${registry.host}", name: "serve" })
  .withEntrypoint(["sh", "-c", 'echo "$(id -un) $0 $1"'], { command: ["all", "of it"] })
  .withLabels({ "org.opencontainers.image.title": "à servir" })
  .withUser("nobody");`,
  );
  const built = await lamella(["build", "serve.ts", "--progress", "quiet"], {
    cwd: project.folder,
    env: { LAMELLA_HOME: project.store },
  });
  const uri = built.stdout.trim();
  expect(await run("serve.ts")).toMatchObject({ code: 0, stdout: "nobody all of it\n" });
  expect(await run("serve.ts", "--", "a", "b")).toMatchObject({ stdout: "nobody a b\n" });

  await using engine = await startDockerEngine();
  await engine.pull(uri);
  expect(await engine.run(uri, [])).toBe("nobody all of it\n");
  expect(await engine.run(uri, ["a", "b"])).toBe("nobody a b\n");
  const labels = await engine.docker("inspect", "--format={{json .Config.Labels}}", uri);
  expect(JSON.parse(labels)).toMatchObject({ "org.opencontainers.image.title": "à servir" });
});

test("a pushed image is run when its registry has gone, and so is one that was only built since", async () => {
  const first = await build(project);
  expect(await run("image.ts", "--", "cat", "/app/said.txt")).toMatchObject({
    code: 0,
    stdout: "first\n",
    stderr: "",
  });
  await project.write("src/said.txt", "second\n");
  await build(project);
  await registry[Symbol.asyncDispose]();

  const second = await run("image.ts", "--", "cat", "/app/said.txt");
  expect(second).toMatchObject({ code: 0, stdout: "second\n" });
  expect(second.stderr).toMatch(/^warning: 127\.0\.0\.1:\d+ does not answer: .* last seen\.\n$/);
  expect(await run(first.uri, "--", "cat", "/app/said.txt")).toMatchObject({ stdout: "first\n" });

  const unknown = await run(`${registry.host}/app:never`, "--", "true");
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toMatch(/cannot be reached/);
});
