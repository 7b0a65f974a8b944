import { readFile } from "node:fs/promises";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import type { Dispatcher } from "undici";
import { IndexUnauthorizedError, WheelDownloadError } from "../resolution-error.ts";
import { CredentialFinder } from "./credential-finder.ts";
import type { Credentials } from "./credentials.ts";
import type { Environment } from "./pip-settings.ts";
import type { IndexSettings } from "./settings.ts";

/** An answer whose body is still to be read or discarded. */
export interface IndexResponse {
  readonly status: number;
  /** A header's first value. */
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  /** Reads the rest of a small answer, so that its connection can be used again; ends the connection of a large one. */
  discard(): Promise<void>;
}

export interface IndexRequest {
  readonly method: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

const maximumRedirects = 5;

/** Bytes of an unwanted body that are read rather than giving up the connection. */
const discardLimit = 64 * 1024;

/** No header, or no byte of a body, for this long (milliseconds) is a fault. */
const stallTimeout = 60_000;

/**
 * HTTP to package indexes and the file servers behind them: credentials by origin, redirects, the machine's proxies
 * and certificate authorities, and a bounded number of connections to each host.
 */
export class IndexTransport implements AsyncDisposable {
  readonly #env: Environment;
  readonly #settings: IndexSettings;
  readonly #connections: number;
  readonly #finder: CredentialFinder;
  readonly #dispatchers = new Map<"plain" | "checked" | "unchecked", Promise<Dispatcher>>();

  constructor(options: {
    readonly env: Environment;
    readonly settings: IndexSettings;
    /** To one host. */
    readonly connections: number;
  }) {
    this.#env = options.env;
    this.#settings = options.settings;
    this.#connections = options.connections;
    this.#finder = new CredentialFinder(options);
  }

  /**
   * Sends one request and follows redirects. Credentials are looked up anew for each address, so none follows to
   * another host. Raises {@link IndexUnauthorizedError} for 401 and 403, {@link WheelDownloadError} for redirects that
   * lead nowhere; faults of the connection are thrown as they come. Any other status is the caller's.
   */
  async request(address: string, request: IndexRequest): Promise<IndexResponse> {
    let url = new URL(address);
    let credentials = await this.#finder.known(url);
    let refused = false;
    for (let redirects = 0; ; ) {
      const response = await this.#send(url, request, credentials);
      if (response.status === 401 || response.status === 403) {
        await response.discard();
        const others = refused ? undefined : await this.#finder.onRefusal(url, request.signal);
        if (others === undefined)
          throw unauthorized(url, response.status, credentials !== undefined || refused);
        credentials = others;
        refused = true;
        continue;
      }
      if (![301, 302, 303, 307, 308].includes(response.status)) return response;
      await response.discard();
      const next = URL.parse(response.header("location") ?? "", url.href);
      if (next === null || !isAllowedRedirect(url, next) || ++redirects > maximumRedirects) {
        throw new WheelDownloadError(
          `${shown(url)} redirects ${redirects > maximumRedirects ? "too often" : "to an address that is not followed"}.`,
          "Ask who runs the package index. Redirects from https: to http: are never followed.",
        );
      }
      next.username = "";
      next.password = "";
      if (next.origin !== url.origin) {
        credentials = await this.#finder.known(next);
        refused = false;
      }
      url = next;
    }
  }

  async #send(
    url: URL,
    { method, headers, signal }: IndexRequest,
    credentials: Credentials | undefined,
  ): Promise<IndexResponse> {
    // Loaded late: importing it costs 100 ms.
    const { request } = await import("undici");
    const response = await request(url, {
      method,
      dispatcher: await this.#dispatcher(url),
      headers: {
        // Bytes as they are: what is hashed is the file.
        "accept-encoding": "identity",
        "user-agent": "lamella",
        ...headers,
        ...(credentials && { authorization: credentials.authorization }),
      },
      headersTimeout: stallTimeout,
      bodyTimeout: stallTimeout,
      signal: signal ?? null,
    });
    return {
      status: response.statusCode,
      header: (name) => {
        const value = response.headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
      body: response.body,
      // Not `destroy`, whose error nobody would catch.
      discard: async () => await response.body.dump({ limit: discardLimit }).catch(() => {}),
    };
  }

  #dispatcher(url: URL): Promise<Dispatcher> {
    const trusted = this.#settings.trustedHosts.some(
      (host) => host === url.hostname || host === url.host,
    );
    const kind = url.protocol !== "https:" ? "plain" : trusted ? "unchecked" : "checked";
    const dispatcher = this.#dispatchers.get(kind) ?? this.#connect(kind);
    this.#dispatchers.set(kind, dispatcher);
    return dispatcher;
  }

  async #connect(kind: "plain" | "checked" | "unchecked"): Promise<Dispatcher> {
    const { Agent, EnvHttpProxyAgent } = await import("undici");
    const env = this.#env;
    const httpProxy =
      env["http_proxy"] || env["HTTP_PROXY"] || env["all_proxy"] || env["ALL_PROXY"];
    const httpsProxy =
      env["https_proxy"] || env["HTTPS_PROXY"] || env["all_proxy"] || env["ALL_PROXY"];
    const isDirect = !httpProxy && !httpsProxy;
    // Reading the authorities takes 50 ms, which nobody needs for an index on this machine.
    if (isDirect && kind === "plain") return new Agent({ connections: this.#connections });
    const secureContext = await trustedAuthorities(this.#settings.certificates);
    const tls = { secureContext, rejectUnauthorized: kind !== "unchecked" };
    const options = { connections: this.#connections, connect: tls };
    if (isDirect) return new Agent(options);
    return new EnvHttpProxyAgent({
      ...options,
      requestTls: tls,
      proxyTls: { secureContext },
      // Empty strings keep it from looking into the process's environment itself.
      httpProxy: httpProxy ?? "",
      httpsProxy: httpsProxy ?? "",
      noProxy: env["no_proxy"] || env["NO_PROXY"] || "",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const dispatchers = await Promise.all(this.#dispatchers.values());
    this.#dispatchers.clear();
    // Not `close`, which would wait for requests that were broken off.
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()));
  }
}

/** Node's own list, the system's (companies put theirs there only) and what SSL_CERT_FILE or pip's `cert` names. */
async function trustedAuthorities(file: string | undefined): Promise<SecureContext> {
  const ca = [...getCACertificates("default"), ...getCACertificates("system")];
  if (file !== undefined) ca.push(await readFile(file, "utf8").catch(() => ""));
  // Made once: parsing some three hundred certificates for each connection would cost more than the connection.
  return createSecureContext({ ca: [...new Set(ca)].filter((pem) => pem !== "") });
}

function isAllowedRedirect(from: URL, to: URL): boolean {
  return to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:");
}

function unauthorized(url: URL, status: number, sent: boolean): IndexUnauthorizedError {
  return new IndexUnauthorizedError(
    `${shown(url)} ${sent ? "refused the credentials" : "wants credentials"} (HTTP ${status}).`,
    "Give them by UV_INDEX_NAME_USERNAME and UV_INDEX_NAME_PASSWORD, ~/.netrc, keyring, or `uv auth login`; look at their rights if they are there.",
  );
}

/** An address for messages: signed download URLs keep their secret in the query. */
export function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
