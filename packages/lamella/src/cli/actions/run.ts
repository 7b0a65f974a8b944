import type { Config } from "../../config/config.ts";
import type { BuildEvent } from "../../engine/event.ts";
import { Unpacking } from "../../engine/execute/unpacking.ts";
import { findStoredImage } from "../../engine/export/stored-image.ts";
import { fetchLayers } from "../../engine/fetch-layers.ts";
import { Journal } from "../../engine/journal.ts";
import { type LocatedImage, locateImage } from "../../engine/run/locate-image.ts";
import { openSession, type Session } from "../../engine/session.ts";
import { requirePlatform } from "../../execution/binfmt.ts";
import { CommandNotFoundError } from "../../execution/error.ts";
import { runImage } from "../../execution/run.ts";
import { requireRoot } from "../../execution/runtime.ts";
import { unpackSnapshots } from "../../execution/snapshot.ts";
import { machinePlatform, type Platform } from "../../image/platform.ts";
import { imageUri, isItsBase, withDefaultRegistry } from "../../image/uri.ts";
import { RegistryNotFoundError } from "../../registry/error.ts";
import type { CommonFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { parseImageArgument } from "../definition/image-argument.ts";
import { inNameOf, shownImage } from "../definition/named-image.ts";
import { ImageNotFoundError } from "../error.ts";
import { loadSettings } from "./settings.ts";
import { showTasks } from "./show-tasks.ts";

export interface RunFlags extends CommonFlags {
  readonly env?: readonly (readonly [name: string, value: string])[];
  readonly workdir?: string;
  readonly user?: string;
  readonly platform?: Platform;
}

/** `lamella run`: runs a command in an image, and ends with its exit code. */
export async function runAction(
  this: CliContext,
  flags: RunFlags,
  target: string,
  ...command: readonly string[]
): Promise<void> {
  const { env, signal, interruptions } = this;
  // Layers are unpacked with their owners, which only root can do: said before anything is fetched for it.
  requireRoot();
  const platform = flags.platform ?? machinePlatform();
  await requirePlatform(platform);
  const config = await loadSettings(this, flags.config);
  const wanted = await findTarget(target, config, this);
  let show: ((event: BuildEvent) => void) | undefined;
  const journal = new Journal((event) => show?.(event));
  await using session = await openSession(config, env, journal, signal);
  const prepare = () =>
    showTasks(this, wanted.definition, async (emit) => {
      show = emit;
      const located = await locate(wanted, platform, session);
      await fetchLayers(located, session);
      await unpack(located, session);
      return located;
    });
  const image = await (wanted.definition ? inNameOf(wanted.definition, prepare) : prepare());
  // From here on Ctrl-C is the command's business.
  using _ = interruptions.handOver();
  const code = await runImage({
    ...image,
    store: session.store,
    command: command.length > 0 ? command : undefined,
    env: Object.fromEntries(flags.env ?? []),
    workdir: flags.workdir,
    user: flags.user,
  }).catch((error: unknown) => {
    if (error instanceof CommandNotFoundError) this.exitWith(error.exitCode);
    throw error;
  });
  this.exitWith(code);
}

async function unpack(
  { layers }: LocatedImage,
  { store, journal, signal }: Session,
): Promise<void> {
  const unpacking = new Unpacking(journal, {});
  try {
    const onProgress = (_: unknown, bytes: number): void => unpacking.progress(bytes);
    await unpackSnapshots(layers, store, { signal, onProgress });
    unpacking.end();
  } catch (error) {
    unpacking.fail(error);
    throw error;
  }
}

/** An image to run, and whether it can only be in the local store. */
interface RunTarget {
  readonly uri: string;
  readonly local: boolean;
  /** The definition, as the command line names it; absent for a reference. */
  readonly definition?: string;
}

/** A definition file if there is one of that name, else a reference. */
async function findTarget(
  target: string,
  { defaultRegistry }: Config,
  context: CliContext,
): Promise<RunTarget> {
  const found = await parseImageArgument(target, context);
  if (found.kind === "reference") return { uri: found.uri, local: false };
  const { file, exported } = found;
  const { image } = exported;
  // An image that is nothing but its base goes by the name of that, wherever it is.
  const definition = withDefaultRegistry(image.definition, defaultRegistry);
  const local = definition.registry === undefined && !isItsBase(definition);
  return {
    uri: imageUri(definition, () => image.identifier),
    local,
    definition: shownImage(file, exported),
  };
}

async function locate(
  { uri, local }: RunTarget,
  platform: Platform,
  session: Session,
): Promise<LocatedImage> {
  const missing = (options?: ErrorOptions): ImageNotFoundError =>
    new ImageNotFoundError(
      `There is no image ${uri}, neither in the local store nor in a registry.`,
      "Build it first: lamella build FILE",
      options,
    );
  if (local && !(await findStoredImage(session.store, uri))) throw missing();
  try {
    return await locateImage(uri, platform, session);
  } catch (error) {
    throw error instanceof RegistryNotFoundError ? missing({ cause: error }) : error;
  }
}
