import { requireText, show } from "../image/argument.ts";
import { DefinitionError } from "../image/error.ts";

/** What an organization adds: a default image of its own. */
export interface Plugin {
  /** What errors call it. */
  readonly name: string;
  /** The image for tasks that name none; undefined to leave it to others. */
  readonly defaultImage?: () => string | undefined | Promise<string | undefined>;
}

const registered: Plugin[] = [];

/**
 * Adds a plugin to this process, until what it gives is disposed of. Of several, the one that was added first is asked
 * first. Raises {@link DefinitionError} for what is no plugin, and for a second one of the same name.
 *
 * @example
 * ```ts
 * registerPlugin({ name: "acme", defaultImage: () => "ghcr.io/acme/python:3.12-v4" });
 * ```
 */
export function registerPlugin(plugin: Plugin): Disposable {
  const checked = requirePlugin(plugin, "registerPlugin: the plugin");
  if (registered.some(({ name }) => name === checked.name)) {
    throw new DefinitionError(
      `registerPlugin: there is a plugin ${show(checked.name)} already.`,
      "Register it once, or give one of them another name.",
    );
  }
  registered.push(checked);
  return {
    [Symbol.dispose]: () => {
      const at = registered.indexOf(checked);
      if (at >= 0) registered.splice(at, 1);
    },
  };
}

/** The plugins of this process, in the order in which they were added. */
export function registeredPlugins(): readonly Plugin[] {
  return [...registered];
}

/** Checks what a program without types, or a package, gives. `what` names it. Raises {@link DefinitionError}. */
function requirePlugin(value: unknown, what: string): Plugin {
  if (typeof value !== "object" || value === null) {
    throw new DefinitionError(`${what} is ${show(value)}.`, "Give an object with a name.");
  }
  const { name, defaultImage } = value as { readonly [key in keyof Plugin]?: unknown };
  requireText(name, `${what}'s name`);
  if (defaultImage !== undefined && typeof defaultImage !== "function") {
    throw new DefinitionError(
      `${what}'s defaultImage is ${show(defaultImage)}.`,
      "Give a function that returns the image, or leave it out.",
    );
  }
  return value as Plugin;
}
