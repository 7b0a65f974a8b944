import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CommandNotFoundError, RuntimeError } from "./error.ts";
import type { PreparedContainer } from "./prepared-container.ts";
import { type RuntimeSpecOptions, runtimeSpec } from "./runtime-spec.ts";

/**
 * Prepares a container for a runtime that takes runc's command line. Its specification, which has the values of
 * environment variables in it, and all that the runtime keeps of it are in the folder `memory` and no disk sees them;
 * its log is at the path `log`.
 */
export function prepareOciContainer(
  { executable, keeps = false }: { readonly executable: string; readonly keeps?: boolean },
  id: string,
  spec: RuntimeSpecOptions,
  { memory, log }: { readonly memory: string; readonly log: string },
): PreparedContainer {
  const bytes = Buffer.from(JSON.stringify(runtimeSpec(spec)));
  const state = ["--root", join(memory, "state"), "--log", log, "--log-format", "json"];
  return {
    args: [executable, ...state, "run"].concat(keeps ? ["--keep"] : [], [
      "--bundle",
      join(memory, "bundle"),
      id,
    ]),
    privateFiles: [{ path: "bundle/config.json", bytes, mode: 0o600, uid: 0, gid: 0 }],
    newSession: true,
    failure: async () => explain(await readFile(log, "utf8").catch(() => ""), executable),
  };
}

function explain(log: string, executable: string): Error | undefined {
  const message = log.split("\n").flatMap(errorMessage).at(-1);
  if (message === undefined) return undefined;
  // As Go and crun have it.
  const missing =
    /exec: \\?"?([^"\\]*)\\?"?: (executable file not found|.*no such file or directory|.*permission denied)/.exec(
      message,
    ) ?? /executable file [`']?([^'`]*)[`']? not found/.exec(message);
  if (missing !== null) {
    return new CommandNotFoundError(
      `The image cannot run ${JSON.stringify(missing[1])}: ${message}`,
      "Check the command's name, and the PATH of the image.",
      /permission denied/.test(message) ? 126 : 127,
    );
  }
  return new RuntimeError(
    `${executable} could not start the container: ${message}`,
    "If it is the runtime that does not work on this machine, install another one: apt-get install runc",
  );
}

function errorMessage(line: string): string[] {
  try {
    const { level, msg } = JSON.parse(line) as { level?: unknown; msg?: unknown };
    return level === "error" && typeof msg === "string" ? [msg] : [];
  } catch {
    return [];
  }
}
