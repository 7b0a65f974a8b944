import { show } from "./argument.ts";
import type { ImageDefinition } from "./definition.ts";
import { DefinitionError } from "./error.ts";

type Variables = Readonly<Record<string, string>>;

/** `\$`, `$NAME`, `${NAME}`; also a `${` that nothing closes. */
const reference = /\\\$|\$([A-Za-z_][A-Za-z0-9_]*)|\$\{([^}]*)(\}?)/g;

/**
 * The variables that a definition sets, above those that are there already (`below`: the base's, and the venv's). Later
 * layers win.
 *
 * `$NAME` and `${NAME}` in a value stand for what the variable is below that layer, as in a Dockerfile's ENV, so
 * `PATH: "/tools/bin:$PATH"` does what it says; `\$` (in TypeScript `"\\$"`) is a dollar sign, and so is one that no
 * name follows. Raises {@link DefinitionError} for a variable that is not there, since an empty text in its place is
 * never what was meant.
 *
 * @example
 * ```ts
 * definedEnvironment(image.definition, { PATH: "/bin" }); // { PATH: "/tools/bin:/bin" }
 * ```
 */
export function definedEnvironment(definition: ImageDefinition, below: Variables): Variables {
  let defined: Variables = { ...definition.environment };
  for (const layer of definition.layers) {
    if (layer.kind !== "env") continue;
    const known = { ...below, ...defined };
    const expanded = Object.entries(layer.variables).map(([name, value]) => [
      name,
      expand(name, value, known),
    ]);
    defined = { ...defined, ...(Object.fromEntries(expanded) as Variables) };
  }
  return defined;
}

function expand(variable: string, value: string, known: Variables): string {
  return value.replace(
    reference,
    (text: string, bare?: string, braced?: string, closed?: string) => {
      const name = bare ?? braced;
      if (name === undefined) return "$";
      if (closed !== "" && Object.hasOwn(known, name)) return known[name] ?? "";
      throw new DefinitionError(
        `withEnvVars: the value of ${variable} refers to ${show(text)}, which is not set at that point.`,
        `For a dollar sign, write "\\\\$" in the definition: of "\\$", JavaScript leaves nothing but the dollar sign.`,
      );
    },
  );
}
