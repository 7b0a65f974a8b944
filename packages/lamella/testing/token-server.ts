import { execFile } from "node:child_process";
import { createSign, randomUUID, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { RegistryAuth } from "./docker-registry.ts";
import { startHttpServer } from "./http-server.ts";

/** One entry of a token's `access` claim. */
export interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** One question that the server got. */
export interface TokenQuestion {
  readonly method: string;
  readonly user: string | undefined;
  readonly scopes: readonly string[];
}

export interface StartTokenServerOptions {
  /** Passwords by name. */
  readonly users?: Readonly<Record<string, string>>;
  /** Names by refresh token, for the OAuth2 exchange. */
  readonly identityTokens?: Readonly<Record<string, string>>;
  /** The actions of `asked` that a user (or nobody) gets; all where absent. */
  readonly allow?: (user: string | undefined, asked: Access) => readonly string[];
  /** In seconds; what the client is told and what the token says. */
  readonly lifetime?: number;
}

export interface RunningTokenServer extends AsyncDisposable {
  /** For `startRegistry({ auth })`. */
  readonly auth: RegistryAuth & { readonly kind: "token" };
  /** All questions so far. */
  readonly questions: readonly TokenQuestion[];
}

const issuer = "lamella-test";
const service = "registry.test";

/** Made once a process: large primes take their time. */
let keyPair: Promise<KeyPair> | undefined;

interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

async function createKeyPair(): Promise<KeyPair> {
  const folder = await mkdtemp(join(tmpdir(), "lamella-key-pair-"));
  try {
    const certificate = join(folder, "certificate.pem");
    const key = join(folder, "key.pem");
    await createCertificate(certificate, key);
    return { certificate: await readFile(certificate, "utf8"), key: await readFile(key, "utf8") };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A token server as the CNCF distribution's token specification describes it, signing with a key of this process. */
export async function startTokenServer(
  options: StartTokenServerOptions = {},
): Promise<RunningTokenServer> {
  const folder = await mkdtemp(join(tmpdir(), "lamella-token-server-"));
  const certificatePath = join(folder, "certificate.pem");
  const { certificate, key } = await (keyPair ??= createKeyPair());
  await writeFile(certificatePath, certificate);
  const signer: Signer = {
    key,
    certificate: new X509Certificate(certificate).raw.toString("base64"),
  };
  const questions: TokenQuestion[] = [];
  const server = await startHttpServer((request, response) =>
    answer(request, response, options, signer, questions),
  );
  return {
    auth: {
      kind: "token",
      realm: `${server.origin}/token`,
      service,
      issuer,
      rootCertBundle: certificatePath,
    },
    questions,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Makes a self-signed certificate for loopback, and a name where one is given, with a key of its own, as PEM files.
 * Takes some 100 ms.
 */
export async function createCertificate(
  certificatePath: string,
  keyPath: string,
  dnsName = "localhost",
): Promise<void> {
  const names = `subjectAltName=DNS:${dnsName},IP:127.0.0.1`;
  const name = ["-subj", "/CN=lamella test", "-addext", names];
  const files = ["-keyout", keyPath, "-out", certificatePath];
  const kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
  await promisify(execFile)("openssl", ["req", ...kind, ...name, ...files]);
}

interface Signer {
  readonly key: string;
  readonly certificate: string;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: StartTokenServerOptions,
  signer: Signer,
  questions: TokenQuestion[],
): Promise<void> {
  const { query, user, refused } = await identify(request, options);
  const scopes = query.getAll("scope").flatMap((scope) => scope.split(" "));
  questions.push({ method: request.method ?? "", user, scopes });
  if (refused || query.get("service") !== service) {
    response.writeHead(401).end();
    return;
  }
  const { allow = (_: unknown, asked: Access) => asked.actions, lifetime = 60 } = options;
  const access = scopes
    .map(parseAccess)
    .map((asked) => ({ ...asked, actions: allow(user, asked) }));
  const token = sign({ user, access, lifetime }, signer);
  response.setHeader("content-type", "application/json");
  // The OAuth2 answer has only the newer name.
  const named = request.method === "POST" ? { access_token: token } : { token };
  response.end(JSON.stringify({ ...named, expires_in: lifetime }));
}

async function identify(
  request: IncomingMessage,
  { users = {}, identityTokens = {} }: StartTokenServerOptions,
): Promise<{
  readonly query: URLSearchParams;
  readonly user: string | undefined;
  readonly refused: boolean;
}> {
  if (request.method === "POST") {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const query = new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
    const user = identityTokens[query.get("refresh_token") ?? ""];
    return {
      query,
      user,
      refused: user === undefined || query.get("grant_type") !== "refresh_token",
    };
  }
  const query = new URL(request.url ?? "/", "http://localhost").searchParams;
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (basic === undefined) return { query, user: undefined, refused: false };
  const [user = "", password] = Buffer.from(basic, "base64").toString("utf8").split(":");
  return { query, user, refused: users[user] !== password };
}

function parseAccess(scope: string): Access {
  const [type = "", ...rest] = scope.split(":");
  const actions = rest.pop() ?? "";
  return { type, name: rest.join(":"), actions: actions.split(",") };
}

function sign(
  claims: {
    readonly user: string | undefined;
    readonly access: readonly Access[];
    readonly lifetime: number;
  },
  signer: Signer,
): string {
  const now = Math.floor(Date.now() / 1000);
  const signed = [
    base64url({ typ: "JWT", alg: "RS256", x5c: [signer.certificate] }),
    base64url({
      iss: issuer,
      sub: claims.user ?? "",
      aud: service,
      iat: now,
      nbf: now - 10,
      exp: now + claims.lifetime,
      jti: randomUUID(),
      access: claims.access,
    }),
  ].join(".");
  return `${signed}.${createSign("RSA-SHA256").update(signed).sign(signer.key, "base64url")}`;
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
