import { open, readdir, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { compareByteOrder } from "../../files/byte-order.ts";
import type { MemoStore } from "../../store/memo-store.ts";
import { isScript } from "../process.ts";
import { programAnswer } from "../program-answer.ts";

/** A Python that compiles bytecode: an interpreter of this machine, and what decides the bytes that it makes. */
export interface Compiler {
  /** Absolute path on this machine. */
  readonly executable: string;
  readonly implementation: "cpython";
  /** Full version, for example `3.11.7`. Bytecode can differ between patch releases. */
  readonly version: string;
  /** `sys.implementation.cache_tag`, the middle of a `.pyc` file's name: `cpython-311`. */
  readonly cacheTag: string;
  /** The magic number that a `.pyc` file begins with, in hexadecimal. */
  readonly magic: string;
}

export interface FindCompilerOptions {
  /** Minor version, for example `3.11`. */
  readonly python: string;
  /** The patch release that the image has, for example `3.11.2`: taken if it is there. */
  readonly preferred?: string;
  /** `PATH`, `HOME`, and where uv and pyenv say that they keep Pythons. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it is remembered what interpreters say of themselves. */
  readonly memos?: MemoStore;
  readonly signal?: AbortSignal;
}

/**
 * How the compiler's interpreter is started: without `site` and what it brings in, bytecode files and warnings. Its
 * environment is {@link compilerEnvironment} alone, so nothing of this machine's settings reaches it. (`-I` would do the
 * same, but also ignore the hash seed, which decides the order of sets in the bytecode of Pythons before 3.11.)
 */
export const compilerFlags: readonly string[] = ["-s", "-S", "-B", "-W", "ignore", "-X", "utf8"];

/** The rest is for glibc: large pages, and none given back between two files, which is a tenth of the compiler's time. */
export const compilerEnvironment: Readonly<Record<string, string>> = {
  PYTHONHASHSEED: "0",
  GLIBC_TUNABLES: "glibc.malloc.hugetlb=1",
  MALLOC_MMAP_THRESHOLD_: "1000000000",
  MALLOC_TRIM_THRESHOLD_: "1000000000",
  MALLOC_TOP_PAD_: "64000000",
};

const identify = `
import os, sys, zlib
from _frozen_importlib_external import MAGIC_NUMBER
os.fork
version = "%d.%d.%d" % sys.version_info[:3]
implementation = sys.implementation
print(implementation.name, version, sys.version_info[3], implementation.cache_tag, MAGIC_NUMBER.hex(), sys.abiflags or "-")
`;

/**
 * Finds a CPython of the wanted minor version: on `PATH`, then among those that uv and pyenv manage. The preferred patch
 * release is taken wherever it is, else the first. Nothing when there is none.
 */
export async function findCompiler(options: FindCompilerOptions): Promise<Compiler | undefined> {
  const candidates = await findCandidates(options);
  const answers = await Promise.all(
    candidates.map((executable) => identifyCompiler(executable, options)),
  );
  const compilers = answers.filter((compiler) => compiler !== undefined);
  return compilers.find(({ version }) => version === options.preferred) ?? compilers[0];
}

async function identifyCompiler(
  executable: string,
  { python, memos, signal }: FindCompilerOptions,
): Promise<Compiler | undefined> {
  const args = [...compilerFlags, "-c", identify];
  const output = await programAnswer(executable, args, { memos, env: compilerEnvironment, signal });
  // What cannot even say its name is no compiler.
  if (output === undefined) return undefined;
  const [implementation, version = "", level, cacheTag = "", magic = "", flags] = output
    .trim()
    .split(" ");
  // Bytecode of release candidates, and of debug and free-threaded builds, is not what a release reads or would make.
  if (implementation !== "cpython" || level !== "final" || flags !== "-") return undefined;
  if (!version.startsWith(`${python}.`)) return undefined;
  if (!/^[a-z0-9_-]+$/.test(cacheTag) || !/^[0-9a-f]{8}$/.test(magic)) return undefined;
  return { executable, implementation, version, cacheTag, magic };
}

/** Interpreters that may be the wanted one, by their real paths, each once. */
async function findCandidates({ python, env }: FindCompilerOptions): Promise<string[]> {
  const name = `python${python}`;
  const onPath = (env["PATH"] ?? "")
    .split(":")
    .filter((folder) => folder.startsWith("/"))
    .flatMap((folder) => [name, "python3", "python"].map((file) => join(folder, file)));
  const managed = await Promise.all(
    managedFolders(env).map(async (folder) => {
      const installed = await readdir(folder).catch(() => []);
      return installed.sort(compareByteOrder).map((entry) => join(folder, entry, "bin", name));
    }),
  );
  const real = await Promise.all([...onPath, ...managed.flat()].map(realInterpreter));
  const other = /^python\d+\.\d+$/;
  return [...new Set(real)].filter(
    (path) => path !== undefined && (basename(path) === name || !other.test(basename(path))),
  ) as string[];
}

/** Where uv and pyenv keep the Pythons that they install. */
function managedFolders(env: FindCompilerOptions["env"]): string[] {
  const home = env["HOME"];
  const inHome = (...path: string[]) => (home ? join(home, ...path) : undefined);
  const data = env["XDG_DATA_HOME"] ?? inHome(".local", "share");
  const uv = env["UV_PYTHON_INSTALL_DIR"] ?? (data && join(data, "uv", "python"));
  const pyenv = env["PYENV_ROOT"] ?? inHome(".pyenv");
  return [uv, pyenv && join(pyenv, "versions")].filter((folder) => folder !== undefined);
}

/** The file behind a name; nothing for scripts such as pyenv's shims, which are slow and find another Python each time. */
async function realInterpreter(path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path);
    await using file = await open(real);
    return (await isScript(file)) ? undefined : real;
  } catch {
    return undefined;
  }
}
