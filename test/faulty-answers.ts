import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Interference } from "../packages/lamella/testing/registry-proxy.ts";

// What servers do on bad days.

export type Answer = NonNullable<Interference["answer"]>;

/** Does something to the first requests only. */
export function first(count: number, answer: Answer): Answer {
  let met = 0;
  return async (request, response) => met++ < count && (await answer(request, response));
}

/** Does something to some requests only. */
export function where(isMet: (request: IncomingMessage) => boolean, answer: Answer): Answer {
  return async (request, response) => isMet(request) && (await answer(request, response));
}

export const reset: Answer = ({ socket }) => {
  socket.resetAndDestroy();
  return true;
};

export function says(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return (_, response: ServerResponse) => {
    response.writeHead(status, headers).end();
    return true;
  };
}

export const slow: Answer = async () => {
  await delay(300);
  return false;
};

/** Takes part of what is uploaded, and then the connection is gone. */
export function drop(request: IncomingMessage): boolean {
  if (!isUpload(request)) return false;
  let received = 0;
  request.on("data", (chunk: Buffer) => {
    received += chunk.length;
    if (received > 500_000) request.socket.resetAndDestroy();
  });
  // What is small is whole before that, and never answered.
  request.on("end", () => request.socket.destroy());
  return true;
}

/** Gives part of what is asked for, and then the connection is gone. */
export function breakOff(request: IncomingMessage, response: ServerResponse): boolean {
  response.once("pipe", (source) => source.once("data", () => request.socket.destroy()));
  return false;
}

/** Whether it brings bytes of a blob. */
export function isUpload({ method = "", url = "" }: IncomingMessage): boolean {
  return ["PUT", "PATCH"].includes(method) && url.includes("/blobs/uploads/");
}
