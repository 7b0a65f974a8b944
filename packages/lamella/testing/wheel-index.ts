import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  type BasicCredentials,
  type RunningHttpServer,
  startHttpServer,
  withBasicAuth,
} from "./http-server.ts";

export interface WheelIndexOptions {
  /** Milliseconds between two pieces of a file, so that a download can be met under way; 0 where absent. */
  readonly pause?: number;
  /** What is sent instead of a file, whose hash the index goes on telling. */
  readonly content?: (whole: Buffer) => Buffer;
  /** User and password without which nothing is answered. */
  readonly credentials?: BasicCredentials;
}

/** Bytes of a file that are sent at once. */
const pieceSize = 256 * 1024;

/**
 * A package index (PEP 503) on loopback over the wheels that are in a folder at the moment. Files are sent in ranges
 * where that is asked for. Its address is `ORIGIN/simple/`.
 */
export async function startWheelIndex(
  folder: string,
  options: WheelIndexOptions = {},
): Promise<RunningHttpServer> {
  return await startHttpServer(
    withBasicAuth(options.credentials, async (request, response) => {
      const [, place, name = ""] = (request.url ?? "").split("/");
      if (place === "simple") await sendPage(response, folder, name);
      else if (place === "files") await sendFile(request, response, join(folder, name), options);
      else response.writeHead(404).end();
    }),
  );
}

async function sendPage(response: ServerResponse, folder: string, name: string): Promise<void> {
  const wheels = (await readdir(folder)).filter(
    (file) => file.split("-")[0]?.replaceAll("_", "-") === name,
  );
  const links = wheels.map(async (file) => {
    const hash = createHash("sha256").update(await readFile(join(folder, file)));
    return `<a href="/files/${file}#sha256=${hash.digest("hex")}">${file}</a>\n`;
  });
  response.writeHead(wheels.length > 0 ? 200 : 404, { "content-type": "text/html" });
  response.end(`<!DOCTYPE html>\n${(await Promise.all(links)).join("")}`);
}

async function sendFile(
  { method, headers: { range } }: IncomingMessage,
  response: ServerResponse,
  path: string,
  { pause = 0, content: instead = (whole) => whole }: WheelIndexOptions,
): Promise<void> {
  const content = instead(await readFile(path));
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
  // RFC 9110, 14.1.2: without a first position, the last so many bytes are meant.
  const start = first === "" ? content.length - Number(last || content.length) : Number(first);
  const end = first === "" || last === "" ? content.length : Number(last) + 1;
  const part = content.subarray(start, end);
  response.writeHead(range === undefined ? 200 : 206, {
    "accept-ranges": "bytes",
    "content-length": part.length,
    ...(range !== undefined && {
      "content-range": `bytes ${start}-${start + part.length - 1}/${content.length}`,
    }),
  });
  const body = method === "HEAD" ? Buffer.alloc(0) : part;
  for (let at = 0; at < body.length; at += pieceSize) {
    if (at > 0 && pause > 0) await delay(pause);
    if (response.destroyed) return;
    response.write(body.subarray(at, at + pieceSize));
  }
  response.end();
}
