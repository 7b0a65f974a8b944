import type { CanonicalValue } from "../files/canonical.ts";
import { requireOptions, requireText, show } from "./argument.ts";
import { DefinitionError } from "./error.ts";
import { requireAbsoluteImagePath } from "./image-path.ts";
import { present } from "./present.ts";

/**
 * A secret that a step gets while it runs, by name: a definition never has its value. With neither `mountPath` nor
 * `envVar` the step finds it in the variable `GROUP_KEY` (or `KEY`), in upper case and with `_` for `-`.
 */
export interface Secret {
  /** Letters, digits, `_` and `-`. */
  readonly key: string;
  readonly group?: string | undefined;
  /** A file that holds the value as long as the step runs: an absolute path in the image. */
  readonly mountPath?: string | undefined;
  /** A variable that holds the value as long as the step runs. */
  readonly envVar?: string | undefined;
}

/** The secrets of a layer: one or several, each by its key alone or in full. */
export type SecretMounts = string | Secret | readonly (string | Secret)[];

/** Option of the layers that may be given secrets. */
export interface SecretMountsOptions {
  /** Secrets for this layer alone. Values come from `--secret`, the environment, or `/etc/secrets`, and stay in no layer. */
  readonly secretMounts?: SecretMounts | undefined;
}

/** {@link SecretMountsOptions} as a layer keeps them. */
export interface SecretMountsSettings {
  /** At least one, each path and variable once. */
  readonly secretMounts?: readonly Secret[];
}

export const secretMountsOptions = ["secretMounts"] as const;

const secretName = /^[A-Za-z0-9_-]+$/;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Checks the option of a call. Raises {@link DefinitionError}. */
export function secretMountsSettings(
  { secretMounts }: { readonly secretMounts?: unknown },
  call: string,
): SecretMountsSettings {
  if (secretMounts === undefined) return {};
  const given: readonly unknown[] = Array.isArray(secretMounts) ? secretMounts : [secretMounts];
  const secrets = given.map((one) => requireSecret(one, `${call}: a secret`));
  const places = secrets.flatMap((secret) => [secretVariable(secret), secret.mountPath]);
  const twice = places.find((place, at) => place !== undefined && places.indexOf(place) < at);
  if (twice !== undefined) {
    throw new DefinitionError(
      `${call}: two secrets are to be at ${show(twice)}.`,
      "Give one of them another mountPath or envVar.",
    );
  }
  return secrets.length === 0 ? {} : { secretMounts: secrets };
}

export function encodeSecretMounts({
  secretMounts,
}: SecretMountsSettings): CanonicalValue | undefined {
  return secretMounts?.map(({ key, group, mountPath, envVar }) => ({
    key,
    group,
    mountPath,
    envVar,
  }));
}

/** How a secret is called where its value is given: `KEY`, or `GROUP/KEY`. */
export function secretId({ key, group }: Pick<Secret, "key" | "group">): string {
  return group === undefined ? key : `${group}/${key}`;
}

/** The variable that a secret is found in on the machine that builds: `GROUP_KEY`. */
export function sourceVariable({ key, group }: Pick<Secret, "key" | "group">): string {
  return sourceFile({ key, group }).replaceAll("-", "_").toUpperCase();
}

/** The name of the file that a secret is found in on the machine that builds, in `/etc/secrets`: `group_key`. */
export function sourceFile({ key, group }: Pick<Secret, "key" | "group">): string {
  return group === undefined ? key : `${group}_${key}`;
}

/** The variable that the step finds the secret in, unless it is only a file. */
export function secretVariable(secret: Secret): string | undefined {
  if (secret.envVar !== undefined) return secret.envVar;
  return secret.mountPath === undefined ? sourceVariable(secret) : undefined;
}

function requireSecret(value: unknown, what: string): Secret {
  const known = requireOptions(typeof value === "string" ? { key: value } : value, what, [
    "key",
    "group",
    "mountPath",
    "envVar",
  ]);
  const key = requireSecretName(known.key, `${what}: the key`);
  const { group, mountPath, envVar } = known;
  const secret: Secret = {
    key,
    ...present({
      group: group === undefined ? undefined : requireSecretName(group, `${what}: the group`),
      mountPath:
        mountPath === undefined
          ? undefined
          : requireAbsoluteImagePath(mountPath, `${what}: the mountPath`),
      envVar: envVar === undefined ? undefined : requireText(envVar, `${what}: the envVar`),
    }),
  };
  const variable = secretVariable(secret);
  if (variable === undefined || variableName.test(variable)) return secret;
  throw new DefinitionError(
    `${what}: ${show(variable)} cannot be the name of a variable.`,
    "Give another envVar, or a mountPath. A name has letters, digits and '_', and does not begin with a digit.",
  );
}

function requireSecretName(value: unknown, what: string): string {
  const name = requireText(value, what);
  if (secretName.test(name)) return name;
  throw new DefinitionError(
    // Somebody may have given the value in its place.
    `${what} has characters that no name of a secret has.`,
    "Give the secret's name, not its value: letters, digits, '_' and '-'.",
  );
}
