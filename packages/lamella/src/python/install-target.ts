import { posix } from "node:path";

/** Where wheels are installed: a virtual environment of one minor version of Python. */
export interface InstallTarget {
  /** Minor version, for example `3.11`. */
  readonly python: string;
  /** The environment's absolute path as it is named in the image, for shebangs and tracebacks: `/opt/venv`. */
  readonly prefix: string;
  /** Where that is once the image's links are followed, relative to its root, as entries have it: `opt/venv`. */
  readonly physicalPrefix: string;
}

/** The folder that Python imports packages from, relative to the prefix. Pure and platform packages share it in a venv. */
export function sitePackages(target: InstallTarget): string {
  return `lib/python${target.python}/site-packages`;
}

/** The interpreter that installed scripts name. */
export function interpreterPath(target: InstallTarget): string {
  return posix.join(target.prefix, "bin/python");
}
