import { resolve } from "node:path";
import type { BuildOptions } from "../../builders/builder.ts";
import { build, check } from "../../builders/index.ts";
import type { BuildResult } from "../../engine/result.ts";
import type { Image } from "../../image/image.ts";
import { type ExecutionFlags, executionOptions } from "../commands/execution-flags.ts";
import { type CommonFlags, type PlanningFlags, planningOptions } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import type { ExportedImage } from "../definition/exported-images.ts";
import {
  type DefinitionArgument,
  loadDefinition,
  parseDefinitionArgument,
} from "../definition/load-definition.ts";
import { definitionSource, inNameOf, namedEvent, shownImage } from "../definition/named-image.ts";
import { checkTags } from "../definition/shared-tags.ts";
import { UsageError } from "../error.ts";
import { checkMetadataFile, failedImage, type Metadata, writeMetadata } from "../metadata-file.ts";
import { chooseRenderer, type ProgressMode } from "../progress/choose-renderer.ts";
import { loadSettings } from "./settings.ts";
import { showTasks } from "./show-tasks.ts";

export interface BuildFlags extends CommonFlags, PlanningFlags, ExecutionFlags {
  readonly output?: NonNullable<BuildOptions["output"]>;
  readonly tag?: readonly string[];
  readonly force?: boolean;
  readonly builder?: string;
  readonly locked?: boolean;
  readonly push?: boolean;
  readonly metadataFile?: string;
  readonly progress: ProgressMode;
}

/** `lamella build`: builds the images one after the other, and shows each as it goes. */
export async function buildAction(
  this: CliContext,
  flags: BuildFlags,
  file: string,
): Promise<void> {
  checkTogether(flags, file);
  const definition = await parseDefinitionArgument(file, this.cwd);
  const metadataFile =
    flags.metadataFile === undefined ? undefined : resolve(this.cwd, flags.metadataFile);
  if (metadataFile !== undefined) await checkMetadataFile(metadataFile);
  const config = await loadSettings(this, flags.config);
  const images = await loadDefinition(definition, this);
  const options = { ...buildOptions(flags, this.cwd), config, signal: this.signal };
  checkTags(images, options, definition.shown);
  await checkAll(images, definition, options, this);
  const built: Metadata["images"][number][] = [];
  for (const { name, image } of images) {
    const shown = shownImage(definition, { name });
    try {
      const source = definitionSource(definition, { name });
      const result = await inNameOf(shown, () =>
        buildShown(image, { ...options, definition: source }, shown, flags, this),
      );
      built.push({ export: name, ...result });
    } catch (error) {
      const metadata = { images: built, failed: failedImage(name, error) };
      // The build's own failure is the one to tell, whatever comes of the file.
      if (metadataFile !== undefined) await writeMetadata(metadataFile, metadata).catch(() => {});
      throw error;
    }
  }
  if (metadataFile !== undefined) await writeMetadata(metadataFile, { images: built });
}

/** Finds what would make a later image fail before the first of several is pushed. */
async function checkAll(
  images: readonly ExportedImage[],
  definition: DefinitionArgument,
  options: BuildOptions,
  context: CliContext,
): Promise<void> {
  if (images.length < 2) return;
  for (const exported of images) {
    const shown = shownImage(definition, exported);
    await inNameOf(shown, () =>
      showTasks(context, shown, (emit) => check(exported.image, { ...options, emit })),
    );
  }
}

function checkTogether({ output, push, locked, upgrade }: BuildFlags, file: string): void {
  if (output && push) {
    throw new UsageError(
      "--output and --push exclude each other.",
      "A layout is not pushed: leave one of them away.",
    );
  }
  if (locked && upgrade) {
    throw new UsageError(
      "--locked and --upgrade exclude each other.",
      `To lock newer packages: lamella lock ${file} --upgrade`,
    );
  }
}

function buildOptions(flags: BuildFlags, cwd: string): BuildOptions {
  const { output, tag, force, builder, locked, push } = flags;
  return {
    ...planningOptions(flags),
    ...(output && { output: { ...output, path: resolve(cwd, output.path) } }),
    ...(tag && { tags: tag }),
    ...(force && { force }),
    ...(builder !== undefined && { builder }),
    ...(locked && { locked }),
    ...(push && { push }),
    ...executionOptions(flags, cwd),
  };
}

async function buildShown(
  image: Image,
  options: BuildOptions,
  shown: string,
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
  for await (const event of building) renderer.event(namedEvent(event, shown));
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
