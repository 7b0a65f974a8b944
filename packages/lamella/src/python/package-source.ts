import type { IgnoreRules } from "../files/ignore.ts";
import type { SourceFile } from "./lock.ts";

/** What a requirement names that is no wheel: it has to be built. */
export type PackageSource = RepositorySource | ArchiveSource | FolderSource;

/** A git repository that is read over HTTP. */
export interface RepositorySource {
  readonly kind: "repository";
  /** `https:` or `http:`, with no credentials, query or fragment. */
  readonly url: string;
  /** What the repository is read with. */
  readonly credentials?: NamedCredentials;
  /** A branch, a tag, a commit or another reference; the repository's own choice if absent. */
  readonly reference?: string;
  /** Where in the repository the project is. */
  readonly subdirectory?: string;
}

/** Credentials by the names of variables with secrets, `$NAME`, or `oauth2:$NAME`: no value is in it. */
export interface NamedCredentials {
  /** A text, or `$NAME`. */
  readonly user: string;
  /** `$NAME`; empty if absent. */
  readonly password?: string;
}

/** A source distribution as a file. */
export interface ArchiveSource {
  readonly kind: "archive";
  /** `https:`, `http:` or `file:`, without credentials and fragment. */
  readonly url: string;
}

/** A project's folder on this machine. */
export interface FolderSource {
  readonly kind: "folder";
  /** Absolute. */
  readonly path: string;
  /** What of it is left out; what is ignored by default if absent. */
  readonly ignore?: IgnoreRules;
}

/** What a wheel was built from, exactly: the same wherever it is. */
export type ExactSource =
  /** Of a package index. */
  | { readonly kind: "sdist"; readonly file: SourceFile }
  | { readonly kind: "archive"; readonly file: SourceFile }
  | {
      readonly kind: "repository";
      readonly url: string;
      readonly reference?: string;
      readonly subdirectory?: string;
      /** 40 hexadecimal digits; 64 in a repository with SHA-256. */
      readonly commit: string;
    }
  /** The digest is that of the folder's tree, and the path is of this machine. */
  | { readonly kind: "folder"; readonly path: string; readonly digest: string };

/** The names in {@link NamedCredentials}. */
export function namedVariables({ credentials }: RepositorySource): readonly string[] {
  const { user = "", password = "" } = credentials ?? {};
  return [user, password].flatMap((part) => variableIn(part) ?? []);
}

/** The name of the variable that a part of credentials stands for; undefined for a text. */
export function variableIn(part: string): string | undefined {
  return /^\$([A-Za-z_]\w*)$/.exec(part)?.[1];
}

/** A repository as a requirement names it. */
export function formatRepository({
  url,
  credentials,
  reference,
  subdirectory,
}: RepositorySource): string {
  const { user, password } = credentials ?? {};
  const userinfo = user === undefined ? "" : `${user}${password ? `:${password}` : ""}@`;
  const at = reference === undefined ? "" : `@${reference}`;
  const below = subdirectory === undefined ? "" : `#subdirectory=${subdirectory}`;
  return `git+${url.replace("://", () => `://${userinfo}`)}${at}${below}`;
}
