import { execFile } from "node:child_process";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { lamella, startLamella, temporaryFolder } from "../packages/lamella/testing/lamella.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");

test("a command that runs goes on while its checkout is built anew", async () => {
  await using scratch = await temporaryFolder();
  const own = await copyCheckout(scratch.path);
  await run(process.execPath, ["build.ts"], { cwd: own });

  const project = join(scratch.path, "project");
  await mkdir(project);
  // What builds is loaded after the definition, and the base is where no registry is.
  await writeFile(
    join(project, "image.ts"),
    `import { existsSync } from "node:fs";
import { Image } from "lamella";
process.stderr.write("waiting\\n");
while (!existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 20));
export default Image.fromBase("localhost:1/base:1", { name: "late" }).withWorkdir("/app");`,
  );
  const options = {
    cwd: project,
    env: { LAMELLA_HOME: join(scratch.path, "store") },
    program: [process.execPath, join(own, "bin/lamella.js")] as const,
  };
  const waiting = startLamella(["build", "image.ts", "--progress", "plain"], options);
  const { stdout, stderr } = waiting;
  if (!stdout || !stderr) throw new Error("The command was started without pipes.");
  const [said, started] = [text(stderr), new Promise((done) => stderr.once("data", done))];
  await started;

  const error = join(own, "src/error.ts");
  await writeFile(error, `${await readFile(error, "utf8")}\nglobalThis.name ??= "rebuilt";\n`);
  const rebuilt = run(process.execPath, ["build.ts"], { cwd: own });
  let commands = 0;
  while (rebuilt.child.exitCode === null) {
    expect(await lamella(["--version"], options)).toMatchObject({ code: 0, stderr: "" });
    commands++;
  }
  await rebuilt;
  expect(commands).toBeGreaterThan(1);

  await writeFile(join(project, "go"), "");
  expect(await said).toMatch(/localhost:1\b/);
  expect(await said).not.toMatch(/ERR_MODULE|not foreseen/);
});

/** The package with its sources alone, beside what is installed for this checkout. */
async function copyCheckout(folder: string): Promise<string> {
  const own = join(folder, "packages/lamella");
  await mkdir(own, { recursive: true });
  const parts = ["src", "bin", "build.ts", "tsconfig.json", "package.json"];
  for (const part of parts) {
    await cp(join(root, "packages/lamella", part), join(own, part), { recursive: true });
  }
  await cp(join(root, "tsconfig.json"), join(folder, "tsconfig.json"));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  return own;
}
