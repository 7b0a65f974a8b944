import { spawn } from "node:child_process";
import { once } from "node:events";
import * as z from "zod/mini";
import type { Credential } from "./credentials.ts";
import { RegistryCredentialsError } from "./error.ts";

/** docker/docker-credential-helpers, client/client.go. */
const answer = z.object({ Username: z.string(), Secret: z.string() });

/** The user name that says that the secret is an identity token. */
const tokenUsername = "<token>";

const notFound = "credentials not found in native keychain";
const timeLimit = 60_000;
const maximumAnswer = 1024 * 1024;

export interface CredentialHelperOptions {
  readonly registry: string;
  /** Where helpers are looked for (PATH), and what they see. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether it is an error when the helper is not installed. */
  readonly required: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Asks `docker-credential-NAME get` for the secret of one server.
 *
 * @returns nothing where the helper has none for it
 * @throws {RegistryCredentialsError} where it fails, or is not installed and required
 */
export async function runCredentialHelper(
  name: string,
  server: string,
  options: CredentialHelperOptions,
): Promise<Credential | undefined> {
  const { registry, required } = options;
  const program = `docker-credential-${name}`;
  const fail = (reason: string, cause?: unknown): RegistryCredentialsError =>
    new RegistryCredentialsError(
      registry,
      `The credential helper ${program} gave nothing for ${registry}: ${reason}.`,
      `Try it yourself: echo ${server} | ${program} get\nOr remove it from Docker's config.json and log in again.`,
      { cause },
    );
  // A name with a slash would run a file from anywhere.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw fail("its name is not that of a program");

  let result: { readonly code: number | null; readonly stdout: string };
  try {
    result = await run(program, `${server}\n`, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isMissing(error)) throw fail(error instanceof Error ? error.message : "it failed", error);
    if (required) throw fail("it is not installed", error);
    return undefined;
  }
  if (result.code !== 0) {
    // Helpers say what is wrong on their standard output, where a secret would be if nothing were wrong.
    if (result.stdout.trim() === notFound) return undefined;
    throw fail(`it ended with status ${result.code}`);
  }
  const parsed = answer.safeParse(parseJson(result.stdout));
  if (!parsed.success) throw fail("its answer is not the expected JSON");
  const { Username: username, Secret: secret } = parsed.data;
  if (secret === "") return undefined;
  return username === tokenUsername
    ? { kind: "identity-token", token: secret }
    : { kind: "basic", username, password: secret };
}

async function run(
  program: string,
  input: string,
  { env, signal }: CredentialHelperOptions,
): Promise<{ readonly code: number | null; readonly stdout: string }> {
  const limit = AbortSignal.timeout(timeLimit);
  const child = spawn(program, ["get"], {
    env: { ...env },
    stdio: ["pipe", "pipe", "ignore"],
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  });
  const closed = once(child, "close");
  const chunks: Buffer[] = [];
  let length = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maximumAnswer) chunks.push(chunk);
    else child.kill("SIGKILL");
  });
  // A helper that ends without reading its input is judged by its answer.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  await closed;
  return { code: child.exitCode, stdout: Buffer.concat(chunks).toString("utf8") };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
