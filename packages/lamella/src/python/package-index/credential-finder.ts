import { readFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { parse as parseToml } from "smol-toml";
import * as z from "zod/mini";
import { executables, run } from "../process.ts";
import { Credentials } from "./credentials.ts";
import { netrcCredentials } from "./netrc.ts";
import type { Environment } from "./pip-settings.ts";
import { allIndexes, type IndexSettings, type PackageIndex } from "./settings.ts";

/** A keyring that wants to be unlocked by hand must not hold a build for ever; in milliseconds. */
const keyringTimeout = 20_000;

/**
 * Finds the credentials for an address by its origin (scheme, host, port), since a lock has none. The order: the address
 * of the index with its `UV_INDEX_*` variables, netrc, keyring, uv's own credential store.
 */
export class CredentialFinder {
  readonly #env: Environment;
  readonly #home: string;
  readonly #indexes: readonly PackageIndex[];
  #netrc: Promise<string> | undefined;
  readonly #asked = new Map<string, Promise<Credentials | undefined>>();

  constructor(options: { readonly env: Environment; readonly settings: IndexSettings }) {
    this.#env = options.env;
    this.#home = options.env["HOME"] || os.homedir();
    this.#indexes = allIndexes(options.settings);
  }

  /** What is sent with the first request: from the index settings or netrc. */
  async known(url: URL): Promise<Credentials | undefined> {
    return longestMatch(this.#indexes, url)?.credentials ?? (await this.#fromNetrc(url));
  }

  /**
   * What is sent after the server refused: from keyring or uv's store, which cost a process or may ask the user. Found
   * once for an origin.
   */
  async onRefusal(url: URL, signal?: AbortSignal): Promise<Credentials | undefined> {
    const key = `${url.origin} ${longestMatch(this.#indexes, url, { all: true })?.url ?? ""}`;
    const asked = this.#asked.get(key) ?? this.#ask(url, signal);
    this.#asked.set(key, asked);
    try {
      return await asked;
    } catch (error) {
      // Cancelled: another caller may ask again.
      this.#asked.delete(key);
      throw error;
    }
  }

  async #ask(url: URL, signal: AbortSignal | undefined): Promise<Credentials | undefined> {
    return (await this.#fromKeyring(url, signal)) ?? (await this.#fromUvStore(url));
  }

  async #fromNetrc(url: URL): Promise<Credentials | undefined> {
    if (!isConfidential(url)) return undefined;
    this.#netrc ??= readFile(this.#env["NETRC"] || path.join(this.#home, ".netrc"), "utf8").catch(
      () => "",
    );
    return netrcCredentials(await this.#netrc, url.hostname);
  }

  /** As uv asks: the index first, then the host; with the user's name when it is known. */
  async #fromKeyring(url: URL, signal: AbortSignal | undefined): Promise<Credentials | undefined> {
    if (!isConfidential(url)) return undefined;
    const [keyring] = await executables("keyring", this.#env);
    if (keyring === undefined) return undefined;
    const index = longestMatch(this.#indexes, url, { all: true });
    const username = index?.credentials?.username || undefined;
    for (const service of [...(index ? [index.url] : []), url.host]) {
      const timeout = AbortSignal.timeout(keyringTimeout);
      const found = await run(
        keyring,
        ["get", service, ...(username === undefined ? ["--mode", "creds"] : [username])],
        { cwd: "/", env: this.#env, signal: signal ? AbortSignal.any([signal, timeout]) : timeout },
      ).catch(() => undefined);
      signal?.throwIfAborted();
      if (found?.code !== 0) continue;
      const [first = "", second] = found.stdout.split(/\r?\n/);
      if (username !== undefined && first !== "") return new Credentials(username, first);
      if (username === undefined && second) return new Credentials(first, second);
    }
    return undefined;
  }

  /** The file that `uv auth login` writes. */
  async #fromUvStore(url: URL): Promise<Credentials | undefined> {
    const folder =
      this.#env["UV_CREDENTIALS_DIR"] ||
      path.join(
        this.#env["XDG_DATA_HOME"] || path.join(this.#home, ".local", "share"),
        "uv",
        "credentials",
      );
    let text: string;
    try {
      text = await readFile(path.join(folder, "credentials.toml"), "utf8");
    } catch {
      return undefined;
    }
    const stored = uvStore.safeParse(tomlOrNothing(text));
    if (!stored.success) return undefined;
    const entries = (stored.data.credential ?? []).flatMap((one) =>
      one.scheme === "basic" && one.password !== undefined
        ? [{ url: one.service, credentials: new Credentials(one.username ?? "", one.password) }]
        : [],
    );
    const fitting = entries.filter((entry) => {
      const service = URL.parse(entry.url);
      return service !== null && url.pathname.startsWith(service.pathname);
    });
    return longestMatch(fitting, url)?.credentials;
  }
}

const uvStore = z.object({
  credential: z.optional(
    z.array(
      z.object({
        service: z.string(),
        scheme: z.optional(z.string()),
        username: z.optional(z.nullable(z.string())),
        password: z.optional(z.string()),
      }),
    ),
  ),
});

function tomlOrNothing(text: string): unknown {
  try {
    return parseToml(text);
  } catch {
    return undefined;
  }
}

/** Passwords of files that say only a host are sent where nobody listens: by TLS, or to this machine. */
function isConfidential(url: URL): boolean {
  return (
    url.protocol === "https:" || /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  );
}

/** Among the addresses of the same origin (that have credentials, unless `all`), the one that shares most of the path. */
function longestMatch<T extends { readonly url: string; readonly credentials?: Credentials }>(
  candidates: readonly T[],
  url: URL,
  options: { readonly all?: boolean } = {},
): T | undefined {
  let best: { candidate: T; shared: number } | undefined;
  for (const candidate of candidates) {
    if (candidate.credentials === undefined && options.all !== true) continue;
    const address = URL.parse(candidate.url);
    if (address === null || address.origin !== url.origin || address.protocol === "file:") continue;
    const [ours, theirs] = [url.pathname.split("/"), address.pathname.split("/")];
    const differs = theirs.findIndex((segment, index) => segment !== ours[index]);
    const shared = differs < 0 ? theirs.length : differs;
    if (best === undefined || shared > best.shared) best = { candidate, shared };
  }
  return best?.candidate;
}
