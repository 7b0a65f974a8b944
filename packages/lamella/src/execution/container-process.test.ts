import { expect, test } from "vitest";
import type { ContainerConfig } from "../oci/config.ts";
import { type ContainerProcess, containerProcess } from "./container-process.ts";
import { CommandNotFoundError } from "./error.ts";

const user = { uid: 0, gid: 0, additionalGids: [], home: "/root" };

function processOf(
  config: ContainerConfig,
  options: { command?: string[]; env?: Record<string, string>; workdir?: string } = {},
): ContainerProcess {
  return containerProcess(config, { user, ...options });
}

test("a command takes the place of Cmd, and not of the Entrypoint", () => {
  const config = { Entrypoint: ["/init", "--"], Cmd: ["serve"] };
  expect(processOf(config).args).toEqual(["/init", "--", "serve"]);
  expect(processOf(config, { command: ["sh", "-c", "x"] }).args).toEqual([
    "/init",
    "--",
    "sh",
    "-c",
    "x",
  ]);
  expect(() => processOf({})).toThrow(CommandNotFoundError);
});

test("the caller's variables win over the image's, and those over the defaults", () => {
  const config = { Cmd: ["x"], Env: ["PATH=/opt/venv/bin:/bin", "A=1=2", "B=", "broken"] };
  expect(processOf(config, { env: { B: "3" } }).env).toEqual({
    PATH: "/opt/venv/bin:/bin",
    HOME: "/root",
    A: "1=2",
    B: "3",
  });
  expect(processOf({ Cmd: ["x"] }).env["PATH"]).toContain("/usr/bin");
});

test.each([
  [undefined, undefined, "/"],
  ["/app", undefined, "/app"],
  ["app", undefined, "/app"],
  ["/app", "src", "/app/src"],
  ["/app", "/srv/", "/srv"],
  ["/app", "../../..", "/"],
])("from %j and %j the working directory is %j", (image, wanted, workdir) => {
  const config = { Cmd: ["x"], ...(image !== undefined && { WorkingDir: image }) };
  expect(processOf(config, wanted === undefined ? {} : { workdir: wanted }).workdir).toBe(workdir);
});
