import { type Digest, isDigest } from "../files/digest.ts";
import { InvalidReferenceError } from "./error.ts";

/**
 * The name of an image in a registry, fully qualified. With neither tag nor digest it names the repository, whose
 * default tag is `latest`.
 */
export interface Reference {
  /** Host, with its port if there is one: `ghcr.io`, `localhost:5000`, `[::1]:5000`, `docker.io` for Docker Hub. */
  readonly registry: string;
  /** Path in the registry: `acme/trainer`, `library/ubuntu`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** Docker Hub, as image names have it. */
export const dockerHub = "docker.io";

// The grammar of github.com/distribution/reference: `reference.go` and, for the short forms, `normalize.go`.
const separator = "(?:[._]|__|-+)";
const pathComponent = `[a-z0-9]+(?:${separator}[a-z0-9]+)*`;
const domainComponent = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const registryPattern = new RegExp(
  `^(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`,
);
const repositoryPattern = new RegExp(`^${pathComponent}(?:/${pathComponent})*$`);
const tagPattern = /^\w[\w.-]{0,127}$/;
const hexIdentifier = /^[0-9a-f]{64}$/;

const maximumRepositoryLength = 255;
const maximumPort = 65_535;

/** Whether the text can be a tag: a letter, digit or `_`, then up to 127 of those, `.` or `-`. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/**
 * Parses `[registry/]repository[:tag][@digest]`, with Docker Hub's short forms: `ubuntu` is `docker.io/library/ubuntu`,
 * `acme/app` is `docker.io/acme/app`, and what stands before the first `/` is a registry only when it has a dot, a port,
 * an upper-case letter, or is `localhost`. Raises {@link InvalidReferenceError}.
 *
 * @example
 * ```ts
 * parseReference("ubuntu:22.04"); // { registry: "docker.io", repository: "library/ubuntu", tag: "22.04" }
 * ```
 */
export function parseReference(text: string): Reference {
  const refuse = (problem: string, hint: string): never => {
    throw new InvalidReferenceError(
      `Not an image reference: ${JSON.stringify(text.slice(0, 300))}: ${problem}.`,
      hint,
    );
  };
  if (/^[a-z]+:\/\//i.test(text)) {
    refuse("it is a URL", "Leave the scheme out: registry/repository:tag.");
  }

  const [named = "", digestText, ...more] = text.split("@");
  if (more.length > 0 || (digestText !== undefined && !isDigest(digestText))) {
    refuse(
      "what follows @ is not a SHA-256 digest",
      "A digest is 'sha256:' and 64 lower-case hexadecimal digits.",
    );
  }
  const colon = named.lastIndexOf(":");
  const tagged = colon > named.lastIndexOf("/");
  const name = tagged ? named.slice(0, colon) : named;
  const tag = tagged ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !isTag(tag)) {
    refuse(
      "what follows the last colon is not a tag",
      "A tag has up to 128 letters, digits, '_', '.' and '-', and does not begin with '.' or '-'.",
    );
  }

  if (hexIdentifier.test(name)) {
    refuse("64 hexadecimal digits are an identifier, not a name", "Name the image's repository.");
  }
  const { registry, repository } = splitName(name);
  if (!registryPattern.test(registry) || port(registry) > maximumPort) {
    refuse(
      `${JSON.stringify(registry)} is not a registry's host`,
      "A registry is a host name or address with an optional port: ghcr.io, localhost:5000, [::1]:5000.",
    );
  }
  if (repository.length > maximumRepositoryLength || !repositoryPattern.test(repository)) {
    refuse(
      `${JSON.stringify(repository)} is not a repository's path`,
      `A path has lower-case letters and digits, with '.', '_', '__' or '-' between them, in parts divided by '/'; at most ${maximumRepositoryLength} characters.`,
    );
  }
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digestText === undefined ? {} : { digest: digestText as Digest }),
  };
}

/**
 * The reference in full: `registry/repository[:tag][@digest]`. {@link parseReference} gives the same reference back.
 *
 * @example
 * ```ts
 * formatReference(parseReference("ubuntu")); // "docker.io/library/ubuntu"
 * ```
 */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isRegistry = /[.:A-Z]/.test(first) || first === "localhost";
  const registry = isRegistry && first !== "index.docker.io" ? first : dockerHub;
  const repository = isRegistry ? name.slice(slash + 1) : name;
  // Docker Hub's own images have one part and live below `library`.
  return registry === dockerHub && !repository.includes("/")
    ? { registry, repository: `library/${repository}` }
    : { registry, repository };
}

function port(registry: string): number {
  return Number(/:(\d+)$/.exec(registry)?.[1] ?? 0);
}
