import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { ImageDefinition } from "../../image/definition.ts";
import {
  type Secret,
  secretId,
  secretVariable,
  sourceFile,
  sourceVariable,
} from "../../image/secret.ts";
import { InvalidSecretError, MissingSecretError } from "../error.ts";

/** Where the value of a secret is, by the secret's id: `KEY`, or `GROUP/KEY`. */
export type SecretSource =
  | { readonly id: string; readonly src: string }
  | { readonly id: string; readonly env: string };

export interface FindSecretsOptions {
  readonly sources: readonly SecretSource[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where secrets are files named `group_key`; `/etc/secrets` if absent. */
  readonly folder?: string;
}

/** Values by id. They are in no plan, key, event or layer. */
export type SecretValues = ReadonlyMap<string, Uint8Array>;

const defaultFolder = "/etc/secrets";

/**
 * The values of all secrets that a definition names: from `sources`, else from the variable `GROUP_KEY`, else from the file
 * `/etc/secrets/group_key`. Raises MissingSecretError with all that are nowhere, and InvalidSecretError for one that
 * cannot be the variable which it is to be.
 */
export async function findSecrets(
  { layers }: ImageDefinition,
  options: FindSecretsOptions,
): Promise<SecretValues> {
  const wanted = layers.flatMap((layer) =>
    "secretMounts" in layer ? (layer.secretMounts ?? []) : [],
  );
  const values = new Map<string, Uint8Array>();
  const missing = new Map<string, Secret>();
  for (const secret of wanted) {
    const id = secretId(secret);
    const value = values.get(id) ?? (await findValue(secret, id, options));
    if (value === undefined) missing.set(id, secret);
    else values.set(id, value);
    if (value !== undefined && secretVariable(secret) !== undefined) secretText(value, id);
  }
  if (missing.size > 0) throw missingSecrets(missing, options);
  return values;
}

/**
 * A secret as the value of a variable: without the line's end that files have, as `$(cat FILE)` has it. Raises
 * InvalidSecretError for what no variable can hold.
 */
export function secretText(value: Uint8Array, id: string): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
    if (!text.includes("\0")) return text.replace(/[\r\n]+$/, "");
  } catch {
    // Not UTF-8.
  }
  throw new InvalidSecretError(
    `The secret ${id} cannot be a variable: it is no text.`,
    "Give it a mountPath in the definition, and no envVar: then it is a file.",
  );
}

async function findValue(
  secret: Secret,
  id: string,
  { sources, env, folder = defaultFolder }: FindSecretsOptions,
): Promise<Uint8Array | undefined> {
  const source = sources.findLast((one) => one.id === id);
  if (source && "src" in source) return readSource(source.src, id);
  const variable = source ? source.env : sourceVariable(secret);
  const value = env[variable];
  if (value !== undefined && value !== "") return Buffer.from(value);
  if (source) {
    throw new MissingSecretError(
      `The secret ${id} should be in the variable ${variable}, which is not set.`,
      `Set ${variable}, or name another place: --secret id=${id},src=FILE`,
    );
  }
  return readFile(resolve(folder, sourceFile(secret))).catch(() => undefined);
}

async function readSource(path: string, id: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new MissingSecretError(
      `The secret ${id} should be in ${path}: ${error instanceof Error ? error.message : String(error)}.`,
      "Name a file that can be read: --secret id=KEY,src=FILE",
      { cause: error },
    );
  }
}

function missingSecrets(
  missing: ReadonlyMap<string, Secret>,
  { folder = defaultFolder }: FindSecretsOptions,
): MissingSecretError {
  const ways = [...missing].map(
    ([id, secret]) =>
      `${id}: --secret id=${id},src=FILE or --secret id=${id},env=NAME, the variable ${sourceVariable(secret)}, or the file ${resolve(folder, sourceFile(secret))}`,
  );
  const names = [...missing.keys()].join(", ");
  return new MissingSecretError(
    missing.size === 1
      ? `The secret ${names} is not there, and the image needs it.`
      : `The secrets ${names} are not there, and the image needs them.`,
    ["Give its value in one of these ways:", ...ways].join("\n"),
  );
}
