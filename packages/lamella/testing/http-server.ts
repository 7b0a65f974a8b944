import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A request as it arrived, for looking at afterwards. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query; a whole address where a proxy is asked. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface RunningHttpServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** All requests so far, in the order of their arrival. */
  readonly requests: readonly ReceivedRequest[];
}

/** Answers a request in whatever way a test needs a server to behave. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Starts an HTTP server on a free loopback port. What a handler raises breaks the connection. */
export async function startHttpServer(handler: Handler): Promise<RunningHttpServer> {
  const requests: ReceivedRequest[] = [];
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push({ method, url, headers });
    void answer(handler, request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  const host = `127.0.0.1:${address.port}`;
  return {
    host,
    origin: `http://${host}`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** User and password (RFC 7617). */
export interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

/** A handler that answers nothing without these credentials, if there are some. */
export function withBasicAuth(
  credentials: BasicCredentials | undefined,
  handler: Handler,
): Handler {
  if (!credentials) return handler;
  const { user, password } = credentials;
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  return async (request, response) => {
    if (request.headers.authorization === wanted) await handler(request, response);
    else response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end();
  };
}

async function answer(
  handler: Handler,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await handler(request, response);
  } catch {
    response.destroy();
  }
}
