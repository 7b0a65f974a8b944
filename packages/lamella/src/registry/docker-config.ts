import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import * as z from "zod/mini";
import { runCredentialHelper } from "./credential-helper.ts";
import type { Credential } from "./credentials.ts";
import { dockerHub, dockerHubCredentialsKey, isDockerHub } from "./docker-hub.ts";
import { RegistryCredentialsError } from "./error.ts";

type Environment = Readonly<Record<string, string | undefined>>;

// docker/cli, cli/config/configfile: the parts that are about credentials.
const authEntry = z.object({
  auth: z.optional(z.string()),
  username: z.optional(z.string()),
  password: z.optional(z.string()),
  identitytoken: z.optional(z.string()),
  registrytoken: z.optional(z.string()),
});
const configFile = z.object({
  auths: z.optional(z.record(z.string(), authEntry)),
  credHelpers: z.optional(z.record(z.string(), z.string())),
  credsStore: z.optional(z.string()),
});

type AuthEntry = z.infer<typeof authEntry>;
type ConfigFile = z.infer<typeof configFile>;

/** The first credential that any of the files has for a registry, Docker's before podman's. */
export async function readDockerCredential(
  registry: string,
  env: Environment,
  signal?: AbortSignal,
): Promise<Credential | undefined> {
  for (const path of configPaths(env)) {
    const config = await readConfig(path, registry);
    if (config === undefined) continue;
    const credential = await findCredential(registry, config, { path, env, signal });
    if (credential !== undefined) return credential;
  }
  return undefined;
}

function configPaths(env: Environment): string[] {
  const home = env["HOME"] ?? homedir();
  const runtime = env["XDG_RUNTIME_DIR"];
  return [
    join(env["DOCKER_CONFIG"] || join(home, ".docker"), "config.json"),
    // containers-auth.json(5)
    ...(env["REGISTRY_AUTH_FILE"] ? [env["REGISTRY_AUTH_FILE"]] : []),
    ...(runtime ? [join(runtime, "containers", "auth.json")] : []),
    join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "containers", "auth.json"),
  ];
}

async function readConfig(path: string, registry: string): Promise<ConfigFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new RegistryCredentialsError(
      registry,
      `The credentials in ${path} cannot be read.`,
      "Make the file readable, or set DOCKER_CONFIG to another folder.",
      { cause: error },
    );
  }
  // What the file holds is secret: no part of it enters a message.
  const parsed = configFile.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new RegistryCredentialsError(
    registry,
    `The credentials in ${path} are not what "docker login" writes (at ${parsed.error.issues[0]?.path.join(".") || "the top"}).`,
    "Repair the file, or remove it and log in again.",
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    (error.code === "ENOENT" || error.code === "ENOTDIR")
  );
}

interface Context {
  readonly path: string;
  readonly env: Environment;
  readonly signal: AbortSignal | undefined;
}

/** A helper named for the registry comes before the store of all, and that before the file's own entry. */
async function findCredential(
  registry: string,
  config: ConfigFile,
  { path, env, signal }: Context,
): Promise<Credential | undefined> {
  const key = isDockerHub(registry) ? dockerHubCredentialsKey : registry;
  const options = { registry, env, signal };
  const entry = findEntry(registry, config.auths ?? {});
  const helper = findEntry(registry, config.credHelpers ?? {});
  if (helper !== undefined) {
    const found = await runCredentialHelper(helper, key, { ...options, required: true });
    if (found !== undefined) return found;
  } else if (config.credsStore) {
    // Docker leaves an empty entry in the file for what it put into the store. Without one, a store that is not
    // installed (a config copied into a container) is no reason to fail.
    const required = entry !== undefined && parseEntry(entry, registry, path) === undefined;
    const found = await runCredentialHelper(config.credsStore, key, { ...options, required });
    if (found !== undefined) return found;
  }
  return entry === undefined ? undefined : parseEntry(entry, registry, path);
}

function findEntry<T>(registry: string, entries: Readonly<Record<string, T>>): T | undefined {
  if (Object.hasOwn(entries, registry)) return entries[registry];
  const wanted = canonicalHost(registry);
  const key = Object.keys(entries).find((candidate) => canonicalHost(candidate) === wanted);
  return key === undefined ? undefined : entries[key];
}

/** Keys are hosts, or addresses of the API in one of its versions; those of single repositories stay what they are. */
function canonicalHost(key: string): string {
  const host = key.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
  return isDockerHub(host) ? dockerHub : host;
}

function parseEntry(entry: AuthEntry, registry: string, path: string): Credential | undefined {
  if (entry.identitytoken) return { kind: "identity-token", token: entry.identitytoken };
  if (entry.registrytoken) return { kind: "registry-token", token: entry.registrytoken };
  if (entry.auth) {
    const text = Buffer.from(entry.auth, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon < 1) {
      throw new RegistryCredentialsError(
        registry,
        `The entry for ${registry} in ${path} is not "username:password" in base64.`,
        `Log in again: docker login ${registry}`,
      );
    }
    // Docker pads with NUL on some platforms.
    const password = text.slice(colon + 1).replace(/\0+$/, "");
    return { kind: "basic", username: text.slice(0, colon), password };
  }
  if (entry.username && entry.password) {
    return { kind: "basic", username: entry.username, password: entry.password };
  }
  return undefined;
}
