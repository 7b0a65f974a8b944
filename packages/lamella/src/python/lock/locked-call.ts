import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { possiblePoetryPackages } from "../../image/project/poetry-project.ts";
import { possiblePackages } from "../../image/project/uv-project.ts";
import { splitCredentials } from "../package-index/credentials.ts";
import {
  formatRequirement,
  formatSourceRequirement,
  type Requirement,
  type SourceRequirement,
} from "../requirements.ts";
import type { ResolveCall } from "../resolve-options.ts";

/** What one call asked for, as it is kept in a lock to tell whether the lock still answers it. */
export interface LockedCall {
  /** Lines of PEP 508, hashes appended, sorted. */
  readonly requirements: readonly string[];
  readonly constraints: readonly string[];
  /** Index addresses and other settings of the call, without credentials, sorted. */
  readonly settings: readonly string[];
}

/**
 * What a call asks for, in the form that a lock file keeps. Paths of this machine are written relative to `directory`,
 * so that a checkout elsewhere asks for the same. Nothing secret is in it.
 */
export function lockedCall(call: ResolveCall, options: { readonly directory: string }): LockedCall {
  const relative = (url: string): string =>
    url.startsWith("file:")
      ? path.relative(options.directory, fileURLToPath(url)).split(path.sep).join("/") || "."
      : splitCredentials(new URL(url)).url;
  const line = (requirement: Requirement): string =>
    hashed(
      formatRequirement({
        ...requirement,
        ...(requirement.url !== undefined && { url: relative(requirement.url) }),
      }),
      requirement.hashes,
    );
  const sourceLine = (requirement: SourceRequirement): string =>
    hashed(
      formatSourceRequirement(requirement, (source) =>
        relative(source.kind === "folder" ? pathToFileURL(source.path).href : source.url),
      ),
      requirement.hashes,
    );
  const { project, poetry } = call;
  const { root } = poetry?.project ?? {};
  const locked = [
    ...(project ? possiblePackages(project).map((one) => one.package) : []),
    ...(poetry ? possiblePoetryPackages(poetry.project) : []),
    ...(root ? [{ name: root.name }] : []),
  ];
  const names = locked.map(
    (one) => `${one.name}==${("version" in one ? one.version : undefined) ?? "*"}`,
  );
  const digest = (project ?? poetry)?.digest;
  return {
    requirements: [
      ...call.requirements.map(line),
      ...(call.sources ?? []).map(sourceLine),
      ...names,
    ].sort(),
    constraints: (call.constraints ?? []).map(line).sort(),
    settings: [
      ...(call.indexUrl === undefined ? [] : [`--index-url ${relative(call.indexUrl)}`]),
      ...(call.extraIndexUrls ?? []).map((url) => `--extra-index-url ${relative(url)}`),
      ...(call.findLinks ?? []).map((url) => `--find-links ${relative(url)}`),
      ...(digest === undefined ? [] : [`--project ${digest}`]),
      ...(call.noIndex ? ["--no-index"] : []),
      ...(call.noBinary ?? []).map((name) => `--no-binary ${name}`),
      ...(call.pre ? ["--pre"] : []),
      ...(call.requireHashes ? ["--require-hashes"] : []),
    ],
  };
}

function hashed(text: string, hashes: readonly string[]): string {
  return [text, ...hashes.toSorted().map((hash) => `--hash=sha256:${hash}`)].join(" ");
}
