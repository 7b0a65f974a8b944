import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { diskFull } from "../store/error.ts";
import { acquireLock } from "../store/lock.ts";
import type { Store } from "../store/store.ts";
import { withCredentials } from "./package-index/credentials.ts";
import type { Environment } from "./package-index/pip-settings.ts";
import type { IndexSettings } from "./package-index/settings.ts";
import { executables, type ProcessResult, run } from "./process.ts";
import { programAnswer } from "./program-answer.ts";
import { withoutCredentials } from "./requirements.ts";
import { UvUnavailableError } from "./resolution-error.ts";

/** The oldest uv that we use: it writes pylock files and reads them as preferences. */
const oldestUv: readonly [number, number] = [0, 8];

export interface FindUvOptions {
  readonly store: Store;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
  /** Told before uv is installed. */
  readonly onInstall?: (() => void) | undefined;
}

/**
 * Finds a uv that is new enough: the one on PATH, else one that is installed into the store with the machine's own
 * Python package client, and so through the machine's own index settings.
 *
 * Raises {@link UvUnavailableError}, which lists the ways to get uv, when neither is to be had, and DiskFullError
 * when the store has no room for it.
 */
export async function findUv(options: FindUvOptions): Promise<string> {
  const { store, env, signal } = options;
  for (const candidate of await executables("uv", env)) {
    if (await isUsable(candidate, options)) return candidate;
  }
  const home = store.path("tools", `uv-${process.platform}-${process.arch}`);
  const installed = path.join(home, "bin", "uv");
  await store.claimFolder(home, { signal });
  if (await isUsable(installed, options)) return installed;
  await using _lock = await acquireLock(store, "install-uv", { signal });
  if (await isUsable(installed, options)) return installed;
  await install(home, options);
  return installed;
}

async function isUsable(
  file: string,
  { store: { memos }, env, signal }: FindUvOptions,
): Promise<boolean> {
  const version = await programAnswer(file, ["--version"], {
    memos,
    env: uvEnvironment(env),
    signal,
  });
  const [, major, minor] = /^uv (\d+)\.(\d+)/.exec(version ?? "") ?? [];
  if (major === undefined) return false;
  const [oldestMajor, oldestMinor] = oldestUv;
  return (
    Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor)
  );
}

async function install(home: string, options: FindUvOptions): Promise<void> {
  const { store, env, signal, onInstall } = options;
  const [python] = await executables("python3", env);
  if (python === undefined) {
    throw unavailable("there is no uv on PATH, and no python3 to install it with");
  }
  onInstall?.();
  await using scratch = await store.scratch("uv");
  const target = path.join(scratch.path, "uv");
  const places = { cwd: scratch.path, env, signal };
  // pip's own settings decide about the index; these would contradict --target.
  const pipEnvironment = { ...env, PIP_USER: "0", PIP_REQUIRE_VIRTUALENV: "0" };
  const pip = (interpreter: string): Promise<ProcessResult> =>
    run(
      interpreter,
      // uv's wheel is one executable: with wheels only and no dependencies nothing is built or run.
      [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--no-deps",
      ].concat(["--only-binary=:all:", "--target", target, "uv"]),
      { ...places, env: pipEnvironment },
    );
  let result = await pip(python);
  if (result.code !== 0 && /No module named pip/.test(result.stderr)) {
    // Debian has Python without pip; its venv module, where installed, brings one along.
    const venv = path.join(scratch.path, "venv");
    const interpreter = path.join(venv, "bin", "python3");
    // In two steps: venv keeps what ensurepip says to itself.
    result = await run(python, ["-m", "venv", "--without-pip", venv], places);
    if (result.code === 0) result = await run(interpreter, ["-m", "ensurepip"], places);
    if (result.code === 0) result = await pip(interpreter);
    if (/No module named (?:pip|venv|ensurepip)|ensurepip is disabled/.test(result.stderr)) {
      throw unavailable(
        "there is no uv on PATH, and python3 has neither pip nor venv to install it with",
      );
    }
  }
  if (result.code !== 0) {
    if (/No space left on device|Disk quota exceeded/.test(result.stderr)) throw diskFull(target);
    throw unavailable(
      `there is no uv on PATH, and pip could not install it: ${lastLines(result.stderr)}`,
    );
  }
  if (!(await isUsable(path.join(target, "bin", "uv"), options))) {
    throw unavailable("there is no uv on PATH, and the one that pip installed does not run here");
  }
  await rm(home, { recursive: true, force: true });
  await mkdir(path.dirname(home), { recursive: true });
  await rename(target, home);
}

function unavailable(why: string): UvUnavailableError {
  return new UvUnavailableError(
    `Resolving Python packages needs uv ${oldestUv.join(".")} or newer: ${why}.`,
    [
      'Put uv on PATH (its documentation, "Installing uv"),',
      "or give python3 its package client so that Lamella can install uv (Debian: apt install python3-pip or python3-venv),",
      "and make sure that pip reaches a package index (python3 -m pip config list).",
    ].join("\n"),
  );
}

function lastLines(text: string): string {
  return withoutCredentials(text.trim().split("\n").slice(-3).join(" ").slice(-1_000));
}

/** What uv may know of the environment. All else, every other `UV_*` first of all, could change what it does. */
const passedOn = [
  "HOME", "PATH", "TMPDIR", "USER", "LOGNAME", "LANG", "LC_ALL",
  "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME",
  "SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "NETRC",
  "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
  "UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "UV_HTTP_CONNECT_TIMEOUT", "UV_HTTP_RETRIES", "UV_CONCURRENT_DOWNLOADS",
  "UV_CREDENTIALS_DIR", "UV_KEYRING_PROVIDER", "UV_OFFLINE",
] as const; // biome-ignore format: a list of names reads better in rows

/**
 * uv's environment: a short list of what it may see of ours, and the index settings, which hold credentials and so are
 * never put into arguments, where every process could read them.
 */
export function uvEnvironment(env: Environment, settings?: IndexSettings): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const name of passedOn) {
    if (env[name] !== undefined) clean[name] = env[name];
  }
  return { ...clean, ...uvSettings(settings) };
}

/** The part of uv's environment that says what it does, and where packages come from; nothing of this machine's folders. */
export function uvSettings(settings?: IndexSettings): Record<string, string> {
  const clean: Record<string, string> = {
    UV_NO_CONFIG: "1",
    UV_PYTHON_DOWNLOADS: "never",
    // The authorities that the machine trusts; under its older name for older uv.
    UV_SYSTEM_CERTS: "1",
    UV_NATIVE_TLS: "1",
  };
  if (settings === undefined) return clean;

  Object.assign(clean, settings.steering);
  if (settings.certificates !== undefined) clean["SSL_CERT_FILE"] = settings.certificates;
  if (settings.defaultIndex) {
    clean["UV_DEFAULT_INDEX"] = withCredentials(
      settings.defaultIndex.url,
      settings.defaultIndex.credentials,
    );
  }
  if (settings.indexes.length > 0) {
    clean["UV_INDEX"] = settings.indexes
      .map((index) => withCredentials(index.url, index.credentials))
      .join(" ");
  }
  if (settings.findLinks.length > 0) {
    // uv splits this one at commas.
    clean["UV_FIND_LINKS"] = settings.findLinks
      .map((links) => withCredentials(links.url, links.credentials).replaceAll(",", "%2C"))
      .join(",");
  }
  if (settings.trustedHosts.length > 0) clean["UV_INSECURE_HOST"] = settings.trustedHosts.join(" ");
  return clean;
}
