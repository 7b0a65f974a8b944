import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { contentBytes, placeEntries } from "../../testing/file-entries.ts";
import { venvEntries } from "./venv.ts";

const folder = mkdtempSync(join(tmpdir(), "lamella-venv-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("is an environment of the interpreter that it names", async () => {
  const [base = "", python = ""] = execFileSync(
    "python3",
    ["-c", "import sys; print(sys._base_executable, '%d.%d' % sys.version_info[:2])"],
    { encoding: "utf8" },
  ).split(/\s/);
  const prefix = join(folder, "it's a venv");
  const entries = venvEntries({
    python,
    prefix,
    physicalPrefix: prefix.slice(1),
    interpreter: base,
  });
  await placeEntries("/", entries);
  const show = "import sys, sysconfig; print(sys.prefix, sysconfig.get_path('platlib'), sep='\\n')";
  for (const name of ["python", "python3", `python${python}`]) {
    const output = execFileSync(join(prefix, "bin", name), ["-c", show], { encoding: "utf8" });
    expect(output.split("\n")).toEqual([prefix, expect.stringMatching(/site-packages$/), ""]);
  }

  const shell = `. '${prefix.replace("'", "'\\''")}/bin/activate'; command -v python; deactivate; echo "$PATH"; echo "\${VIRTUAL_ENV-none}"`;
  const env = { PATH: "/usr/bin:/bin" };
  expect(execFileSync("sh", ["-euc", shell], { encoding: "utf8", env }).split("\n")).toEqual([
    `${prefix}/bin/python`,
    env.PATH,
    "none",
    "",
  ]);
});

it("is the same for the same options", async () => {
  const options = {
    python: "3.11",
    prefix: "/opt/venv",
    physicalPrefix: "opt/venv",
    interpreter: "/usr/local/bin/python3.11",
    version: "3.11.2",
  };
  const entries = venvEntries(options);
  expect(entries).toEqual(venvEntries(options));
  expect(entries.map(({ path }) => path).slice(0, 3)).toEqual(["opt", "opt/venv", "opt/venv/bin"]);
  const config = entries.at(-1);
  expect(config?.path).toBe("opt/venv/pyvenv.cfg");
  if (config?.kind !== "file") throw new Error("The configuration is no file.");
  expect((await contentBytes(config.content)).toString()).toBe(
    [
      "home = /usr/local/bin",
      "include-system-site-packages = false",
      "version = 3.11.2",
      "executable = /usr/local/bin/python3.11",
      "",
    ].join("\n"),
  );
});
