import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What the machine's own Python says of itself. */
export interface Interpreter {
  /** `3.12`. */
  readonly pythonVersion: string;
  /** Versions of what it has installed of Flyte. */
  readonly flyte?: string;
  readonly flytekit?: string;
}

// Reads the packages' metadata; nothing of a package is imported.
const question = `
import json, sys
from importlib.metadata import PackageNotFoundError, version
def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
print(json.dumps(["%d.%d" % sys.version_info[:2], installed("flyte"), installed("flytekit")]))
`;

/** How long it may take, in milliseconds. */
const timeout = 20_000;

/** Asks `python3` on PATH, as it is found from `cwd`; undefined where there is none that answers. */
export async function askInterpreter(
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Interpreter | undefined> {
  try {
    // -I: neither the folder's modules nor PYTHON* variables take part.
    const options = { cwd, env: { ...env }, timeout };
    const { stdout } = await promisify(execFile)("python3", ["-I", "-c", question], options);
    const answer: unknown = JSON.parse(stdout);
    if (!Array.isArray(answer)) return undefined;
    const [pythonVersion, flyte, flytekit] = answer.map((each: unknown) =>
      typeof each === "string" ? each : undefined,
    );
    return pythonVersion === undefined
      ? undefined
      : {
          pythonVersion,
          ...(flyte !== undefined && { flyte }),
          ...(flytekit !== undefined && { flytekit }),
        };
  } catch {
    return undefined;
  }
}
