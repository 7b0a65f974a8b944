import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { request as requestTls } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

/** Who may use a test registry. */
export type RegistryAuth =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | {
      readonly kind: "token";
      /** Address of the token server. */
      readonly realm: string;
      readonly service: string;
      readonly issuer: string;
      /** PEM file of the certificates whose keys may sign tokens. */
      readonly rootCertBundle: string;
    };

export interface StartRegistryOptions {
  readonly auth?: RegistryAuth;
  /** `false` turns the access log off, for benchmarks. */
  readonly log?: boolean;
  /** Makes it a pull-through cache of another registry, for example `http://127.0.0.1:5000`. */
  readonly proxy?: { readonly remoteUrl: string };
  /** PEM files; then it speaks HTTPS and nothing else. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Answers with `Location` headers that have no host. */
  readonly relativeUrls?: boolean;
}

/** One request as the registry's access log has it. */
export interface RequestLine {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly status: number;
  /** Bytes of the answer's body; 0 for HEAD, whatever was said about their length. */
  readonly bytes: number;
}

export interface RunningRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`, as it stands in an image reference. */
  readonly host: string;
  readonly pid: number;
  /** Its data, its settings and its access log. */
  readonly folder: string;
  /** All requests so far, in the order in which they ended. */
  accessLog(): Promise<readonly RequestLine[]>;
}

const binary = "docker-registry";

/**
 * Starts Debian's `docker-registry` (the CNCF distribution 2.8) on a free loopback port, with deletion enabled and its
 * data in a fresh temporary folder; both end with the returned object. Takes some 30 ms without auth.
 */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<RunningRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "lamella-registry-"));
  let child: ChildProcess | undefined;
  try {
    const configPath = join(folder, "config.json");
    const logPath = join(folder, "access.log");
    // JSON is YAML.
    await writeFile(configPath, JSON.stringify(await configuration(folder, options)));
    await using log = await open(logPath, "w");
    // A test that is killed disposes of nothing: then the kernel ends the registry.
    const args = ["--pdeathsig", "KILL", binary, "serve", configPath];
    child = spawn("setpriv", args, { stdio: ["ignore", log.fd, "pipe"] });
    const running = child;
    const host = await listeningAddress(running);
    return {
      host,
      pid: running.pid ?? 0,
      folder,
      accessLog: () => readAccessLog(logPath, host, options),
      [Symbol.asyncDispose]: () => end(running, folder),
    };
  } catch (error) {
    await end(child, folder);
    throw error;
  }
}

async function configuration(folder: string, options: StartRegistryOptions): Promise<object> {
  return {
    version: "0.1",
    log: { level: "info", formatter: "json", accesslog: { disabled: options.log === false } },
    storage: {
      filesystem: { rootdirectory: join(folder, "data") },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: {
      addr: "127.0.0.1:0",
      secret: "test",
      relativeurls: options.relativeUrls === true,
      ...(options.tls && { tls: { certificate: options.tls.certificate, key: options.tls.key } }),
    },
    ...(options.proxy && { proxy: { remoteurl: options.proxy.remoteUrl } }),
    ...(options.auth && { auth: await authSection(folder, options.auth) }),
  };
}

async function authSection(folder: string, auth: RegistryAuth): Promise<object> {
  if (auth.kind === "token") {
    const { realm, service, issuer, rootCertBundle } = auth;
    return { token: { realm, service, issuer, rootcertbundle: rootCertBundle } };
  }
  const path = join(folder, "htpasswd");
  // -B: bcrypt, the only hash that the registry takes; -C 4: its lowest cost.
  const args = ["-Bbn", "-C", "4", auth.username, auth.password];
  const { stdout } = await promisify(execFile)("htpasswd", args).catch(
    explainMissing("htpasswd", "apache2-utils"),
  );
  await writeFile(path, stdout);
  return { htpasswd: { realm: "test", path } };
}

/** Reads the port that the kernel chose from the registry's own log, so that no other process can take it first. */
async function listeningAddress(child: ChildProcess): Promise<string> {
  const { stderr } = child;
  if (stderr === null) throw new Error("The registry has no log.");
  const said: string[] = [];
  const failed = once(child, "error").then(([error]) =>
    explainMissing("setpriv", "util-linux")(error),
  );
  const listening = (async () => {
    for await (const line of createInterface(stderr)) {
      const address = /"msg":"listening on ([^",]+)/.exec(line)?.[1];
      if (address !== undefined) return address;
      said.push(line);
    }
    const log = said.slice(-20).join("\n");
    if (log.includes(`failed to execute ${binary}`)) throw missing(binary, "docker-registry", log);
    throw new Error(`docker-registry ended before it listened:\n${log}`);
  })();
  try {
    return await Promise.race([listening, failed]);
  } finally {
    failed.catch(() => {});
    listening.catch(() => {});
    stderr.resume();
  }
}

function explainMissing(program: string, debianPackage: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw missing(program, debianPackage, error);
    }
    throw error;
  };
}

function missing(program: string, debianPackage: string, cause: unknown): Error {
  return new Error(
    `${program} is not installed. Run script/setup, or: apt-get install ${debianPackage}`,
    { cause },
  );
}

async function end(child: ChildProcess | undefined, folder: string): Promise<void> {
  if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
  await rm(folder, { recursive: true, force: true });
}

// Apache's common log format: host, identity, user, [time], "request", status, bytes.
const logLine = /^\S+ \S+ \S+ \[[^\]]*\] "(\S+) (\S+) [^"]*" (\d{3}) (\d+)/;

/**
 * A line is written after its answer was sent, so what the caller has just seen may not be there yet: a request of
 * our own with a fresh name is sent and waited for.
 */
async function readAccessLog(
  logPath: string,
  host: string,
  options: StartRegistryOptions,
): Promise<readonly RequestLine[]> {
  if (options.log === false) throw new Error("This registry was started without an access log.");
  const mark = `/lamella-mark-${Math.random().toString(36).slice(2)}`;
  await ask(`${options.tls ? "https" : "http"}://${host}${mark}`);
  for (let attempt = 0; attempt < 400; attempt++) {
    const lines = (await readFile(logPath, "utf8")).split("\n").flatMap(parseLine);
    if (lines.some(({ path }) => path === mark)) {
      return lines.filter(({ path }) => !path.startsWith("/lamella-mark-"));
    }
    await delay(5);
  }
  throw new Error(`The access log of ${host} stays silent.`);
}

function parseLine(line: string): RequestLine[] {
  const [, method, path, status, bytes] = logLine.exec(line) ?? [];
  if (method === undefined || path === undefined) return [];
  return [{ method, path, status: Number(status), bytes: method === "HEAD" ? 0 : Number(bytes) }];
}

async function ask(url: string): Promise<void> {
  const outgoing = url.startsWith("https:")
    ? requestTls(url, { agent: false, rejectUnauthorized: false })
    : request(url, { agent: false });
  outgoing.end();
  const [response] = await once(outgoing, "response");
  response.resume();
  await once(response, "end");
}
