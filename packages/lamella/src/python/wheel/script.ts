import { type InstallTarget, interpreterPath } from "../install-target.ts";
import type { EntryPoint } from "./entry-points.ts";

/** The longest first line that every Linux takes as a whole, in bytes with its newline (`BINPRM_BUF_SIZE`, once 128). */
const longestShebang = 127;

/**
 * The first line of an installed script, without a newline. Where the interpreter's path is too long for the kernel or has
 * a space, `/bin/sh` starts it: what follows is a command to the shell and a string to Python.
 */
export function shebang(target: InstallTarget): string {
  const interpreter = interpreterPath(target);
  const length = "#!".length + Buffer.byteLength(interpreter) + "\n".length;
  if (length <= longestShebang && !interpreter.includes(" ")) return `#!${interpreter}`;
  const quoted = `'${interpreter.replaceAll("'", `'"'"'`)}'`;
  return `#!/bin/sh\n'''exec' ${quoted} "$0" "$@"\n' '''`;
}

/** The script that calls an entry point: text for text what pip's and uv's users have in their `bin`. */
export function launcher(target: InstallTarget, { module, callable }: EntryPoint): string {
  const [imported = callable] = callable.split(".");
  return `${shebang(target)}
# -*- coding: utf-8 -*-
import sys
from ${module} import ${imported}
if __name__ == "__main__":
    if sys.argv[0].endswith("-script.pyw"):
        sys.argv[0] = sys.argv[0][:-11]
    elif sys.argv[0].endswith(".exe"):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit(${callable}())
`;
}

/** What a script begins with that wants its first line replaced; `#!pythonw` does too (binary distribution format). */
export const placeholder: Buffer = Buffer.from("#!python");

/** The script with its first line replaced, which must begin with {@link placeholder}. */
export function withShebang(script: Buffer, target: InstallTarget): Buffer {
  const line = script.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  const end =
    line < 0 ? script.length : line + (script[line] === 0x0d && script[line + 1] === 0x0a ? 2 : 1);
  const rest = script.subarray(end);
  return Buffer.concat([Buffer.from(`${shebang(target)}\n`), rest]);
}

const reservedNames = new Set([
  "python",
  "pythonw",
  "python3",
  "graalpy",
  "pypy",
  "pypy2",
  "pypy3",
]);

/** Whether a command of this name would replace the environment's own interpreter, on whatever platform. */
export function isReservedName(name: string): boolean {
  const plain = name
    .toLowerCase()
    .replace(/\.exe$/, "")
    .replace(/\.py$/, "");
  return reservedNames.has(plain) || /^python3\.\d+$|^pythonw?3\.\d+t$/.test(plain);
}
