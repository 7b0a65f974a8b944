import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { BuildOptions } from "../../builders/builder.ts";
import { build } from "../../builders/index.ts";
import type { BuildResult } from "../../engine/result.ts";
import type { SecretSource } from "../../engine/secrets/find-secrets.ts";
import { replaceFile } from "../../files/replace-file.ts";
import type { Image } from "../../image/image.ts";
import { type CommonFlags, type PlanningFlags, planningOptions } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import type { ExportedImage } from "../definition/exported-images.ts";
import { loadDefinition, parseDefinitionArgument } from "../definition/load-definition.ts";
import { MetadataFileError, UsageError } from "../error.ts";
import { chooseRenderer, type ProgressMode } from "../progress/choose-renderer.ts";
import { loadSettings } from "./settings.ts";

export interface BuildFlags extends CommonFlags, PlanningFlags {
  readonly output?: NonNullable<BuildOptions["output"]>;
  readonly tag?: readonly string[];
  readonly force?: boolean;
  readonly locked?: boolean;
  readonly push?: boolean;
  readonly secret?: readonly SecretSource[];
  readonly metadataFile?: string;
  readonly progress: ProgressMode;
}

/** `lamella build`: builds the images one after the other, and shows each as it goes. */
export async function buildAction(
  this: CliContext,
  flags: BuildFlags,
  file: string,
): Promise<void> {
  checkTogether(flags);
  const definition = await parseDefinitionArgument(file, this.cwd);
  const metadataFile =
    flags.metadataFile === undefined ? undefined : resolve(this.cwd, flags.metadataFile);
  if (metadataFile !== undefined) await checkMetadataFile(metadataFile);
  const config = await loadSettings(this, flags.config);
  const images = await loadDefinition(definition, this);
  const options = { ...buildOptions(flags, this.cwd), config, signal: this.signal };
  const built: BuiltImage[] = [];
  for (const exported of images) {
    built.push({ export: exported.name, ...(await buildShown(exported, options, flags, this)) });
  }
  if (metadataFile !== undefined) await writeMetadata(metadataFile, built);
}

/** An entry of the metadata file. */
type BuiltImage = BuildResult & { readonly export: string };

function checkTogether({ output, push, locked, upgrade }: BuildFlags): void {
  if (output && push) {
    throw new UsageError(
      "--output and --push exclude each other.",
      "A layout is not pushed: leave one of them away.",
    );
  }
  if (locked && upgrade) {
    throw new UsageError(
      "--locked and --upgrade exclude each other.",
      "To lock newer packages: lamella lock FILE --upgrade",
    );
  }
}

function buildOptions(flags: BuildFlags, cwd: string): BuildOptions {
  const { output, tag, force, locked, push, secret } = flags;
  return {
    ...planningOptions(flags),
    ...(output && { output: { ...output, path: resolve(cwd, output.path) } }),
    ...(tag && { tags: tag }),
    ...(force && { force }),
    ...(locked && { locked }),
    ...(push && { push }),
    ...(secret && { secrets: secret.map((one) => inFolder(one, cwd)) }),
  };
}

function inFolder(source: SecretSource, cwd: string): SecretSource {
  return "src" in source ? { ...source, src: resolve(cwd, source.src) } : source;
}

async function buildShown(
  { image }: ExportedImage,
  options: BuildOptions,
  { progress }: BuildFlags,
  { process, env, signal }: CliContext,
): Promise<BuildResult> {
  using renderer = chooseRenderer(progress, {
    stdout: process.stdout,
    stderr: process.stderr,
    env,
    staysLocal: staysLocal(image, options),
  });
  const building = build(image, options);
  for await (const event of building) renderer.event(event);
  try {
    return await building;
  } catch (error) {
    // Whatever an interrupted build says of itself, the interruption is why it failed.
    signal.throwIfAborted();
    throw error;
  }
}

/** Whether nothing says where to, beside the local store. */
function staysLocal({ registry }: Image, { output, config }: BuildOptions): boolean {
  return (output ?? registry ?? config?.defaultRegistry) === undefined;
}

/** Whether the file can be written, asked before a build that takes long and pushes. */
async function checkMetadataFile(path: string): Promise<void> {
  const hint = "Nothing was built. Name a file in a folder that exists and can be written.";
  try {
    await access(dirname(path), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw metadataFileError(path, error, hint);
  }
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) throw metadataFileError(path, new Error("it is a folder"), hint);
}

/** Writes what was built; the file is there whole or not at all. */
async function writeMetadata(path: string, images: readonly BuiltImage[]): Promise<void> {
  try {
    await replaceFile(path, `${JSON.stringify({ images }, undefined, 2)}\n`);
  } catch (error) {
    const hint = "The images are built. Name a file in a folder that exists and can be written.";
    throw metadataFileError(path, error, hint);
  }
}

function metadataFileError(path: string, cause: unknown, hint: string): MetadataFileError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new MetadataFileError(`Cannot write the metadata file ${path}: ${why}.`, hint, { cause });
}
