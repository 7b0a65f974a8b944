import { spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { output } from "./daemon.ts";
import {
  type BasicCredentials,
  type RunningHttpServer,
  startHttpServer,
  withBasicAuth,
} from "./http-server.ts";

export interface GitServerOptions {
  /** User and password without which nothing is answered. */
  readonly credentials?: BasicCredentials;
}

/**
 * Serves the bare repositories in a folder on a loopback port, `${origin}/NAME.git`, with git's own server and the part of
 * CGI (RFC 3875) that it needs.
 */
export async function startGitServer(
  folder: string,
  { credentials }: GitServerOptions = {},
): Promise<RunningHttpServer> {
  const backend = join((await output("git", ["--exec-path"])).trim(), "git-http-backend");
  return await startHttpServer(
    withBasicAuth(credentials, (request, response) => answer(backend, folder, request, response)),
  );
}

async function answer(
  backend: string,
  folder: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
  const { "content-type": type = "", "content-encoding": encoding = "" } = request.headers;
  const child = spawn(backend, [], {
    env: {
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_COUNT: "2",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      GIT_CONFIG_KEY_1: "uploadpack.allowFilter",
      GIT_CONFIG_VALUE_1: "true",
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: searchParams.toString(),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: type,
      HTTP_CONTENT_ENCODING: encoding,
      ...(request.headers["git-protocol"] === undefined
        ? {}
        : { GIT_PROTOCOL: String(request.headers["git-protocol"]) }),
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const whole = Buffer.concat(chunks);
  const end = whole.indexOf("\r\n\r\n");
  const headers = new Map(
    whole
      .subarray(0, end)
      .toString("latin1")
      .split("\r\n")
      .map((line): [string, string] => {
        const [name = "", value = ""] = line.split(/:\s*/, 2);
        return [name.toLowerCase(), value];
      }),
  );
  const status = Number.parseInt(headers.get("status") ?? "200", 10);
  headers.delete("status");
  response.writeHead(status, Object.fromEntries(headers)).end(whole.subarray(end + 4));
}

/** A repository that is written to in a work tree, and read from the server. */
export interface TestRepository {
  /** Commits what is in the work tree to `main`, under a tag if one is named, and gives the commit. */
  commit(message: string, tag?: string): Promise<string>;
  readonly worktree: string;
}

/** Makes an empty repository `NAME.git` in the folder of a server, and a work tree of it in `worktree`. */
export async function createRepository(
  folder: string,
  name: string,
  worktree: string,
): Promise<TestRepository> {
  const bare = join(folder, `${name}.git`);
  await output("git", ["init", "--quiet", "--bare", "--initial-branch=main", bare]);
  await output("git", ["init", "--quiet", "--initial-branch=main", worktree]);
  const settings = ["user.name=Test", "user.email=test@example", "commit.gpgsign=false"];
  const common = ["-C", worktree, ...settings.flatMap((setting) => ["-c", setting])];
  const git = (...args: readonly string[]): Promise<string> => output("git", [...common, ...args]);
  await git("remote", "add", "origin", bare);
  return {
    worktree,
    commit: async (message, tag) => {
      await git("add", "--all");
      await git("commit", "--quiet", "--message", message);
      if (tag !== undefined) await git("tag", tag);
      await git("push", "--quiet", "--tags", "origin", "main");
      return (await git("rev-parse", "HEAD")).trim();
    },
  };
}
