import { readFileSync, statSync } from "node:fs";
import { type LoadHookSync, type ResolveHookSync, registerHooks } from "node:module";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { detectSyntax, wrapCommonJs } from "./module-source.ts";
import { ownFolder, ownModule } from "./own-modules.ts";
import { stripTypesOnce } from "./stripped-types.ts";

/** A module that a file asked for and that is not there. */
export interface MissingModule {
  readonly specifier: string;
  /** URL of the file that asked. */
  readonly importer: string;
}

/** What was seen while definitions were loaded, to explain errors by. */
export interface ModuleRecord {
  /** JavaScript of the modules that were loaded since the last call of {@link hookModules}, by URL. */
  readonly sources: Map<string, string>;
  readonly missing: WeakMap<Error, MissingModule>;
  /** The file whose types could not be stripped, by the error that says so. */
  readonly unstripped: WeakMap<Error, string>;
}

let record: ModuleRecord | undefined;

/**
 * Lets Node load definitions as people write them, from the first call until the process ends: `import "lamella"` is
 * this program's own copy wherever the file lies; the syntax decides between module and CommonJS; a sibling is found
 * without its extension, or under the name of the JavaScript that it would compile to. Packages are left to Node.
 * Files without their types are kept in `cacheFolder`.
 */
export function hookModules(cacheFolder: string): ModuleRecord {
  record?.sources.clear();
  if (record) return record;
  const seen: ModuleRecord = {
    sources: new Map(),
    missing: new WeakMap(),
    unstripped: new WeakMap(),
  };
  registerHooks({ resolve: resolveWith(seen), load: loadWith(seen, cacheFolder) });
  record = seen;
  return seen;
}

function resolveWith({ missing }: ModuleRecord): ResolveHookSync {
  return (specifier, context, nextResolve) => {
    const importer = context.parentURL;
    const own = ownModule(specifier);
    if (own !== undefined) return { url: own, shortCircuit: true };
    try {
      return nextResolve(specifier, context);
    } catch (error) {
      if (importer === undefined || !isUserFile(importer)) throw error;
      const sibling = findSibling(specifier, importer);
      if (sibling !== undefined) return { url: sibling, shortCircuit: true };
      if (error instanceof Error) missing.set(error, { specifier, importer });
      throw error;
    }
  };
}

// By extension: whether there are types to strip, and the syntax where the extension decides it.
const kinds: Readonly<Record<string, { types: boolean; syntax?: "module" | "commonjs" }>> = {
  ".ts": { types: true },
  ".js": { types: false },
  ".mts": { types: true, syntax: "module" },
  ".mjs": { types: false, syntax: "module" },
  ".cts": { types: true, syntax: "commonjs" },
  ".cjs": { types: false, syntax: "commonjs" },
};

function loadWith({ sources, unstripped }: ModuleRecord, cacheFolder: string): LoadHookSync {
  return (url, context, nextLoad) => {
    const kind = isUserFile(url) ? kinds[extname(new URL(url).pathname)] : undefined;
    if (!kind) return nextLoad(url, context);
    const path = fileURLToPath(url);
    const text = readFileSync(path, "utf8");
    let source: string;
    try {
      source = kind.types ? stripTypesOnce(text, cacheFolder) : text;
    } catch (error) {
      if (error instanceof Error) unstripped.set(error, path);
      throw error;
    }
    const syntax = kind.syntax ?? detectSyntax(source);
    sources.set(url, source);
    return {
      format: "module",
      source: syntax === "commonjs" ? wrapCommonJs(source) : source,
      shortCircuit: true,
    };
  };
}

/** A file of the user's own: neither one of ours nor one of an installed package. */
function isUserFile(url: string): boolean {
  return url.startsWith("file:") && !url.startsWith(ownFolder) && !url.includes("/node_modules/");
}

const compiledFrom: Readonly<Record<string, string>> = {
  ".js": ".ts",
  ".mjs": ".mts",
  ".cjs": ".cts",
};
const tried = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"];

/** The file that a relative import means when there is none of exactly that name. */
function findSibling(specifier: string, importer: string): string | undefined {
  if (!/^\.{0,2}\//.test(specifier)) return undefined;
  const path = fileURLToPath(new URL(specifier, importer));
  const extension = extname(path);
  const source = compiledFrom[extension];
  const candidates = [
    ...(source === undefined ? [] : [path.slice(0, -extension.length) + source]),
    ...tried.map((more) => path + more),
    ...tried.map((more) => `${path}/index${more}`),
  ];
  const found = candidates.find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
  return found === undefined ? undefined : pathToFileURL(found).href;
}
