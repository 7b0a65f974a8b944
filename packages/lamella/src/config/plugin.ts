import { requireText, show } from "../image/argument.ts";
import { DefinitionError } from "../image/error.ts";

/** What an organization adds: a default image of its own, a builder, or both. */
export interface Plugin<Builder = unknown> {
  /** What `image.builder` and errors call it. */
  readonly name: string;
  /** The image for tasks that name none; undefined to leave it to others. */
  readonly defaultImage?: () => string | undefined | Promise<string | undefined>;
  readonly builder?: Builder;
}

/** What a builder can do, by the names of its methods. */
const builderMethods = ["build", "plan", "check", "lock"];

const registered: Plugin[] = [];

/** Adds a plugin to this process: see `builders/plugin.ts`, which gives a builder its type. */
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
export function requirePlugin(value: unknown, what: string): Plugin {
  if (typeof value !== "object" || value === null) {
    throw new DefinitionError(`${what} is ${show(value)}.`, "Give an object with a name.");
  }
  const { name, defaultImage, builder } = value as { readonly [key in keyof Plugin]?: unknown };
  requireText(name, `${what}'s name`);
  if (defaultImage !== undefined && typeof defaultImage !== "function") {
    throw new DefinitionError(
      `${what}'s defaultImage is ${show(defaultImage)}.`,
      "Give a function that returns the image, or leave it out.",
    );
  }
  if (builder !== undefined && !isBuilder(builder)) {
    throw new DefinitionError(
      `${what}'s builder is ${show(builder)}.`,
      `Give an object with the functions ${builderMethods.join(", ")}, or leave it out.`,
    );
  }
  return value as Plugin;
}

function isBuilder(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const methods = value as Readonly<Record<string, unknown>>;
  return builderMethods.every((name) => typeof methods[name] === "function");
}
