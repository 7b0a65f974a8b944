import type { Readable } from "node:stream";
import type { Agent, Dispatcher } from "undici";
import { isLoopback } from "../endpoint.ts";
import type { ProxySettings } from "../settings.ts";
import { trustedCertificates } from "./certificates.ts";

/** A request body of known length, opened anew each time that it is sent. */
export interface RequestBody {
  /** Length in bytes. */
  readonly length: number;
  open(): AsyncIterable<Uint8Array>;
}

/**
 * Which connections a request may use. Each kind has its own, so that downloads that wait for an upload to take their
 * bytes never hold the connection that the upload needs.
 */
export type Traffic = "question" | "download" | "upload";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  readonly url: URL;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | RequestBody;
  readonly traffic?: Traffic;
  /** PEM file of further certificate authorities. */
  readonly ca?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Address that answered. */
  readonly url: URL;
  /** The first value of a header; the name is in lower case. */
  header(name: string): string | undefined;
  /** All values of a header. */
  headers(name: string): readonly string[];
  /** Must be read to its end, destroyed or given to {@link HttpResponse.discard}, or its connection is lost. */
  readonly body: Readable;
  /** Gives up the body; a short one is read so that the connection can be used again. */
  discard(): Promise<void>;
}

export interface HttpTransportOptions {
  readonly proxy?: ProxySettings | undefined;
  /** Most connections to one host for each kind of traffic. */
  readonly connections: number;
}

// Milliseconds. The long one is for registries that copy a blob into place before they answer its upload.
const connectTimeout = 10_000;
const headersTimeout = 300_000;
const bodyTimeout = 60_000;
const discardedBytes = 64 * 1024;

/**
 * Sends single HTTP requests: connections, TLS, proxies and time limits, and nothing of registries. undici is loaded
 * with the first request, so that a command that needs no registry does not pay for it.
 */
export class HttpTransport implements AsyncDisposable {
  readonly #options: HttpTransportOptions;
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();

  constructor(options: HttpTransportOptions) {
    this.#options = options;
  }

  /** Raises what undici and Node raise: `registryUnreachable` in `fault.ts` translates it. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const { method, url, headers, body, traffic = "question", signal } = request;
    signal?.throwIfAborted();
    const [{ request: send }, dispatcher] = await Promise.all([
      import("undici"),
      this.#dispatcher(url, traffic, request.ca),
    ]);
    const length = body?.length;
    const response = await send(url, {
      dispatcher,
      method,
      headers: {
        "user-agent": "lamella",
        ...headers,
        ...(length !== undefined && { "content-length": String(length) }),
      },
      ...(body !== undefined && { body: body instanceof Uint8Array ? body : readable(body) }),
      ...(signal !== undefined && { signal }),
    });
    const values = (name: string): readonly string[] => {
      const value = response.headers[name];
      return value === undefined ? [] : typeof value === "string" ? [value] : value;
    };
    return {
      status: response.statusCode,
      url,
      header: (name) => values(name)[0],
      headers: values,
      body: response.body,
      // What is thrown away may break as it likes.
      discard: () => response.body.dump({ limit: discardedBytes }).catch(() => {}),
    };
  }

  #dispatcher(url: URL, traffic: Traffic, ca: string | undefined): Promise<Dispatcher> {
    const secure = url.protocol === "https:";
    const proxied = this.#options.proxy !== undefined && !isLoopback(url.host);
    const key = JSON.stringify([traffic, proxied, secure, secure ? ca : undefined]);
    let dispatcher = this.#dispatchers.get(key);
    if (dispatcher === undefined) {
      dispatcher = this.#createDispatcher(url, proxied, ca);
      this.#dispatchers.set(key, dispatcher);
    }
    return dispatcher;
  }

  async #createDispatcher(url: URL, proxied: boolean, ca: string | undefined): Promise<Dispatcher> {
    const { Agent, EnvHttpProxyAgent } = await import("undici");
    const connect = {
      timeout: connectTimeout,
      ...(url.protocol === "https:" && { secureContext: await trustedCertificates(ca, url.host) }),
    };
    const options: Agent.Options = {
      connect,
      connections: this.#options.connections,
      // Registries answer an HTTP/2 upload no faster, and a dropped connection would take all others with it.
      allowH2: false,
      headersTimeout,
      bodyTimeout,
    };
    if (!proxied) return new Agent(options);
    const { httpProxy = "", httpsProxy = "", noProxy = "" } = this.#options.proxy ?? {};
    // Plain HTTP goes to the proxy as it is: some refuse to tunnel it.
    return new EnvHttpProxyAgent({
      ...options,
      requestTls: connect,
      proxyTunnel: false,
      httpProxy,
      httpsProxy,
      noProxy,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const dispatchers = [...this.#dispatchers.values()];
    this.#dispatchers.clear();
    const opened = await Promise.allSettled(dispatchers);
    const usable = opened.flatMap((result) =>
      result.status === "fulfilled" ? [result.value] : [],
    );
    await Promise.all(usable.map((dispatcher) => dispatcher.destroy()));
  }
}

/** undici takes an async iterable at run time; its types name only the class that Node gives it. */
function readable(body: RequestBody): Readable {
  return body.open() as Readable;
}
