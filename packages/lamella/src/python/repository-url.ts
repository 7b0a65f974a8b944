import { type NamedCredentials, type RepositorySource, variableIn } from "./package-source.ts";

/** Why an address is not that of a repository, and what to do. */
export class RepositoryUrlError extends Error {
  readonly hint: string;
  /** Whether what is wrong is a secret that stands there. */
  readonly holdsSecret: boolean;

  constructor(message: string, hint: string, holdsSecret = false) {
    super(message);
    this.hint = hint;
    this.holdsSecret = holdsSecret;
  }
}

/** A parsed address of a repository. */
export interface RepositoryUrl {
  readonly source: RepositorySource;
  /** `#egg=NAME`. */
  readonly egg?: string;
}

const form = "Write it as NAME @ git+https://HOST/PATH.git@REFERENCE.";
const secretForm =
  "Name a secret in its place, git+https://$TOKEN@HOST/PATH, and give that to the call: secretMounts. Its value is put in only where the repository is fetched.";

/**
 * Parses `git+https://[USER@]HOST/PATH[@REFERENCE][#egg=NAME&subdirectory=PATH]` (pip, "VCS Support"), where USER is
 * `$NAME` or `TEXT:$NAME`. Undefined for what is no address of a repository; raises RepositoryUrlError for one that is not
 * taken.
 */
export function parseRepositoryUrl(text: string): RepositoryUrl | undefined {
  const [, system, transport] = /^(git|hg|svn|bzr)\+([a-z0-9.+-]+):/i.exec(text) ?? [];
  if (system === undefined || transport === undefined) return undefined;
  if (system.toLowerCase() !== "git") {
    throw new RepositoryUrlError(`repositories of ${system} are not read`, form);
  }
  const url = URL.parse(text.slice(system.length + 1));
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new RepositoryUrlError(
      `repositories are not read over ${transport}`,
      transport.toLowerCase() === "file"
        ? "Name a folder of this machine by its path: ./FOLDER."
        : "Use git+https://, with a token as a secret where one is needed: git+https://$TOKEN@HOST/PATH.",
    );
  }
  if (url.search !== "") throw new RepositoryUrlError("its URL has a query", form);
  const credentials = namedCredentials(url);
  const fragment = new URLSearchParams(url.hash.slice(1));
  const [, path = "", reference] = /^(.*?)(?:@([^/].*))?$/s.exec(url.pathname) ?? [];
  if (path.length < 2) throw new RepositoryUrlError("its URL has no path", form);
  // It becomes an argument, and part of git's own expressions.
  if (reference !== undefined && !/^\w(?:[\w+-]|[./](?![./]|$)){0,250}$/.test(reference)) {
    throw new RepositoryUrlError("its reference is none that git has", form);
  }
  const subdirectory = fragment.get("subdirectory") ?? undefined;
  if (
    subdirectory !== undefined &&
    !/^(?!\.{1,2}(?:\/|$))[\w.+-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.+-]+)*$/.test(subdirectory)
  ) {
    throw new RepositoryUrlError("its subdirectory is no path in the repository", form);
  }
  const egg = fragment.get("egg") ?? undefined;
  return {
    source: {
      kind: "repository",
      url: `${url.origin}${path}`,
      ...(credentials && { credentials }),
      ...(reference !== undefined && { reference }),
      ...(subdirectory !== undefined && { subdirectory }),
    },
    ...(egg !== undefined && { egg }),
  };
}

/** Hosts that are this machine, where nobody listens to what is not encrypted. */
const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function namedCredentials(url: URL): NamedCredentials | undefined {
  if (url.username === "" && url.password === "") return undefined;
  const [user, password] = [url.username, url.password].map(decoded) as [string, string];
  const secret = variableIn(password === "" ? user : password);
  if (secret === undefined || !/^[\w$.+-]+$/.test(user)) {
    throw new RepositoryUrlError("its URL holds credentials", secretForm, true);
  }
  if (url.protocol === "http:" && !loopback.test(url.hostname)) {
    throw new RepositoryUrlError(
      "its secret would be sent to everybody on the way, without encryption",
      "Use git+https://.",
    );
  }
  return { user, ...(password !== "" && { password }) };
}

/** `${NAME}` as `$NAME`. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part).replace(/^\$\{(\w+)\}$/, "$$$1");
  } catch {
    throw new RepositoryUrlError("its URL is malformed", form);
  }
}
