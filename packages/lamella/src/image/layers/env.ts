import type { CanonicalValue } from "../../files/canonical.ts";
import { requireCleanText, show } from "../argument.ts";
import { DefinitionError } from "../error.ts";

/** Variables of the image's environment. */
export interface EnvLayer {
  readonly kind: "env";
  /** Values may refer to variables below them: see {@link definedEnvironment}. */
  readonly variables: Readonly<Record<string, string>>;
}

const call = "withEnvVars";
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function envLayer(variables: unknown): EnvLayer {
  if (typeof variables !== "object" || variables === null || Array.isArray(variables)) {
    throw new DefinitionError(
      `${call}: the variables are ${show(variables)}.`,
      'Give an object: { MODE: "fast" }.',
    );
  }
  const entries = Object.entries(variables).map(([name, value]: [string, unknown]) => {
    if (!variableName.test(name)) {
      throw new DefinitionError(
        `${call}: ${show(name)} cannot be the name of a variable.`,
        "A name has letters, digits and '_', and does not begin with a digit.",
      );
    }
    return [name, requireCleanText(value, `${call}: the value of ${name}`)];
  });
  return { kind: "env", variables: Object.fromEntries(entries) as Record<string, string> };
}

export function encodeEnv({ variables }: EnvLayer): CanonicalValue {
  return { variables };
}
