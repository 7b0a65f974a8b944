import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { withDefinitionRoot } from "../../image/definition-root.ts";
import { defaultStoreRoot } from "../../store/store-root.ts";
import { DefinitionFileError, DefinitionNotFoundError, NoImageError } from "../error.ts";
import { explainFailure } from "./definition-failure.ts";
import { type ExportedImage, selectImages } from "./exported-images.ts";
import { hookModules } from "./module-hooks.ts";

/** What `FILE#name` on the command line means. */
export interface DefinitionArgument {
  /** Absolute path. */
  readonly file: string;
  /** The file as it was written. */
  readonly shown: string;
  readonly exportName?: string;
}

/**
 * Reads `FILE` or `FILE#name`; a file whose own name has a `#` is found too. Raises {@link DefinitionNotFoundError}
 * when there is no such file.
 */
export async function parseDefinitionArgument(
  text: string,
  cwd: string,
): Promise<DefinitionArgument> {
  const whole = resolve(cwd, text);
  if (await isFile(whole)) return { file: whole, shown: text };
  const hash = text.lastIndexOf("#");
  const shown = hash < 0 ? text : text.slice(0, hash);
  const file = resolve(cwd, shown);
  if (!(await isFile(file))) throw await notFound(shown, file);
  return hash < 0 ? { file, shown } : { file, shown, exportName: text.slice(hash + 1) };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

async function notFound(shown: string, file: string): Promise<DefinitionNotFoundError> {
  const there = await stat(file).catch(() => undefined);
  return there?.isDirectory()
    ? new DefinitionNotFoundError(
        `${shown} is a directory.`,
        `Name the definition file in it, for example ${shown.replace(/\/+$/, "")}/image.ts`,
      )
    : new DefinitionNotFoundError(
        `There is no definition file ${shown}.`,
        "Paths are relative to the current directory; a definition is a TypeScript or JavaScript file that exports an Image.",
      );
}

export interface LoadOptions {
  /** Paths in messages are relative to it. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Frames of a stack that are kept while definitions load: the user's own call may lie deep. */
const stackFrames = 50;

/**
 * Runs a definition file and gives the images that it exports: see {@link selectImages} for which. What it imports is
 * found as `module-hooks.ts` says; `./src` in it is relative to its own folder.
 *
 * @throws {@link DefinitionFileError} naming file and line when it cannot be loaded or throws.
 */
export async function loadDefinition(
  { file, shown, exportName }: DefinitionArgument,
  { cwd, env, signal }: LoadOptions,
): Promise<readonly ExportedImage[]> {
  const record = hookModules(join(defaultStoreRoot(env), "stripped-types"));
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = stackFrames;
  try {
    const module = await withDefinitionRoot(dirname(file), () =>
      importToTheEnd(file, shown, signal),
    );
    return selectImages(module, exportName, shown);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof NoImageError || error instanceof DefinitionFileError) throw error;
    throw explainFailure(error, file, record, { cwd });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Imports a module until it is done or `signal` is aborted; one that awaits what never comes is an error, where Node would end the process with code 13. */
async function importToTheEnd(
  file: string,
  shown: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const stuck = Promise.withResolvers<never>();
  const onIdle = (): void => {
    const message = `${shown} never finishes loading: an await at its top level waits for what cannot come.`;
    const hint = "Take that await away, or let it wait for something that ends.";
    stuck.reject(new DefinitionFileError({ file }, message, hint));
  };
  const onAbort = (): void => stuck.reject(signal.reason);
  process.once("beforeExit", onIdle);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([import(pathToFileURL(file).href), stuck.promise]);
  } finally {
    process.off("beforeExit", onIdle);
    signal.removeEventListener("abort", onAbort);
  }
}
