import { isPythonLayer } from "../../image/layer.ts";
import { namedVariables, variableIn } from "../../python/package-source.ts";
import type { ResolveCall } from "../../python/resolve-options.ts";
import { MissingSecretError } from "../error.ts";
import type { ImageRequest } from "../image-request.ts";
import { findSecrets, type SecretValues, secretText } from "../secrets/find-secrets.ts";
import type { Session } from "../session.ts";

/** The values of the secrets that the image's Python layers name. Nobody gets to see them. Raises as `findSecrets` does. */
export async function findPythonSecrets(
  { definition, options }: Pick<ImageRequest, "definition" | "options">,
  { env, journal }: Pick<Session, "env" | "journal">,
): Promise<SecretValues> {
  const layers = definition.layers.filter(isPythonLayer);
  const values = await findSecrets(
    { ...definition, layers },
    { sources: options.secrets ?? [], env },
  );
  for (const value of values.values()) journal.redactor.add(value);
  return values;
}

/** Raises MissingSecretError for `$NAME` in an address for which the call names no secret. */
export function checkNamedSecrets({
  sources = [],
  secrets = new Map(),
  ...call
}: ResolveCall): void {
  const named = [
    ...sources.flatMap(({ source }) =>
      source.kind === "repository" ? namedVariables(source) : [],
    ),
    ...indexUrls(call).flatMap((url) => variablesOf(url)),
  ];
  for (const variable of named) {
    if (secrets.has(variable)) continue;
    throw new MissingSecretError(
      `An address names $${variable}, and the call names no secret that is in a variable of this name.`,
      `Name it in the call's options, { secretMounts: "${variable}" }; with another name, { key: "NAME", envVar: "${variable}" }.`,
    );
  }
}

/**
 * The calls with the values of secrets in the addresses of their indexes, where those name some. Only uv and the download
 * of wheels are told them; locks and keys have addresses without credentials.
 */
export async function withIndexSecrets(
  calls: readonly ResolveCall[],
  find: () => Promise<SecretValues>,
): Promise<readonly ResolveCall[]> {
  if (calls.every((call) => indexUrls(call).every((url) => variablesOf(url).length === 0))) {
    return calls;
  }
  const values = await find();
  return calls.map((call) => {
    const { indexUrl, extraIndexUrls } = call;
    const expand = (address: string): string => withValues(address, call, values);
    return {
      ...call,
      ...(indexUrl !== undefined && { indexUrl: expand(indexUrl) }),
      ...(extraIndexUrls && { extraIndexUrls: extraIndexUrls.map(expand) }),
    };
  });
}

function indexUrls({ indexUrl, extraIndexUrls = [] }: ResolveCall): readonly string[] {
  return [...(indexUrl === undefined ? [] : [indexUrl]), ...extraIndexUrls];
}

function variablesOf(address: string): readonly string[] {
  const url = URL.parse(address);
  return url ? [url.username, url.password].flatMap((part) => variableIn(decoded(part)) ?? []) : [];
}

function withValues(
  address: string,
  { secrets = new Map() }: ResolveCall,
  values: SecretValues,
): string {
  const url = URL.parse(address);
  if (!url) return address;
  for (const part of ["username", "password"] as const) {
    const variable = variableIn(decoded(url[part]));
    const id = variable === undefined ? undefined : secrets.get(variable);
    const value = id === undefined ? undefined : values.get(id);
    if (id !== undefined && value) url[part] = encodeURIComponent(secretText(value, id));
  }
  return url.href;
}

/** `${NAME}` as `$NAME`. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part).replace(/^\$\{(\w+)\}$/, "$$$1");
  } catch {
    return part;
  }
}
