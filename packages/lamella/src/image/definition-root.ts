import { AsyncLocalStorage } from "node:async_hooks";
import { resolve } from "node:path";

// One for the process, also where two copies of this module are loaded (a bundle and its chunks, a CLI and the library
// that a definition finds by itself): the loader that sets it and the `Image` that asks must not miss each other.
const key = Symbol.for("lamella.definition-root.v1");
const shared = globalThis as { [key]?: AsyncLocalStorage<string> };
const loading = (shared[key] ??= new AsyncLocalStorage<string>());

/**
 * Runs `load` with `folder` as what relative paths in definitions are relative to. It holds for everything that `load`
 * starts, through top-level awaits and in the modules that it imports, and for nothing else, so several definitions
 * can be loaded at once.
 *
 * @example
 * ```ts
 * const module = await withDefinitionRoot(dirname(file), () => import(pathToFileURL(file).href));
 * ```
 */
export function withDefinitionRoot<T>(folder: string, load: () => T): T {
  return loading.run(resolve(folder), load);
}

/** The absolute folder of the definition file that is being loaded, if one is. */
export function loadedDefinitionRoot(): string | undefined {
  return loading.getStore();
}

/** What relative paths are relative to here and now: that folder, or the working directory. */
export function definitionRoot(): string {
  return loadedDefinitionRoot() ?? process.cwd();
}
