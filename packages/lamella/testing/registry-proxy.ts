import { type IncomingMessage, type ServerResponse, request as send } from "node:http";
import { pipeline } from "node:stream/promises";
import { type RunningHttpServer, startHttpServer } from "./http-server.ts";

/** What a test does to a request and its answer on their way. */
export interface Interference {
  /** Gives an answer of its own, and says so by `true`; else the registry is asked. */
  readonly answer?: (
    request: IncomingMessage,
    response: ServerResponse,
  ) => boolean | Promise<boolean>;
  /** The body of an answer, instead of the registry's. */
  readonly body?: (request: IncomingMessage, body: Buffer) => Buffer;
}

/** A registry that does as the one behind it does, but for what a test interferes with. */
export async function startRegistryProxy(
  registry: string,
  { answer, body }: Interference,
): Promise<RunningHttpServer> {
  return await startHttpServer(async (request, response) => {
    if ((await answer?.(request, response)) === true) return;
    const upstream = await forward(request, registry);
    const { statusCode = 502, headers } = upstream;
    if (body === undefined || request.method !== "GET") {
      response.writeHead(statusCode, headers);
      await pipeline(upstream, response);
    } else {
      const changed = body(request, Buffer.concat(await Array.fromAsync(upstream)));
      response.writeHead(statusCode, { ...headers, "content-length": changed.length });
      response.end(changed);
    }
  });
}

/** The registry makes upload addresses of the Host header, which stays: so they lead here. */
async function forward(request: IncomingMessage, registry: string): Promise<IncomingMessage> {
  const { method, url, headers } = request;
  const [hostname, port] = registry.split(":");
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = send({ hostname, port, path: url, method, headers, agent: false }, resolve);
  outgoing.once("error", reject);
  const [upstream] = await Promise.all([promise, pipeline(request, outgoing)]);
  return upstream;
}
