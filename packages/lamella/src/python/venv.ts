import { posix } from "node:path";
import type { FileEntry } from "../files/entry.ts";
import { bytesFile } from "../files/entry.ts";
import { type InstallTarget, sitePackages } from "./install-target.ts";
import { activateScript } from "./venv/activate.ts";

export interface VenvOptions extends InstallTarget {
  /** Absolute path of the Python that the environment is of, as it is named in the image. */
  readonly interpreter: string;
  /** Its version, for example `3.11.2`; the minor version where the patch is not known. */
  readonly version?: string;
}

/**
 * An empty virtual environment (PEP 405), as `python -m venv` makes one without pip: the same for the same options, since
 * neither this machine nor the time is in it. Parent directories come first, as root's with mode 0755.
 */
export function venvEntries(options: VenvOptions): FileEntry[] {
  const { physicalPrefix, python, interpreter, version = python } = options;
  const at = (path: string): string => `${physicalPrefix}/${path}`;
  const link = (path: string, target: string): FileEntry => ({
    kind: "symlink",
    path: at(path),
    target,
  });
  const config = {
    home: posix.dirname(interpreter),
    "include-system-site-packages": "false",
    version,
    executable: interpreter,
  };
  return [
    ...directories(physicalPrefix),
    directory(at("bin")),
    bytesFile(at("bin/activate"), activateScript(options.prefix)),
    link("bin/python", interpreter),
    link("bin/python3", "python"),
    link(`bin/python${python}`, "python"),
    directory(at("include")),
    ...directories(sitePackages(options)).map(({ path }) => directory(at(path))),
    // 64-bit Pythons look for platform packages here; the standard library makes the same link.
    link("lib64", "lib"),
    bytesFile(
      at("pyvenv.cfg"),
      Object.entries(config)
        .map(([key, value]) => `${key} = ${value}\n`)
        .join(""),
    ),
  ];
}

/** The directory and all above it, the highest first. */
function directories(path: string): (FileEntry & { kind: "directory" })[] {
  const segments = path.split("/");
  return segments.map((_, index) => directory(segments.slice(0, index + 1).join("/")));
}

function directory(path: string): FileEntry & { kind: "directory" } {
  return { kind: "directory", path, mode: 0o755 };
}
