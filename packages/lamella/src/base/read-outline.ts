import { createHash } from "node:crypto";
import { type Digest, digestHex } from "../files/digest.ts";
import { decompressLayer } from "../oci/decompress.ts";
import { readTar } from "../oci/tar-reader.ts";
import { type Attributes, plainDirectory } from "./attributes.ts";
import { DiffIdMismatchError } from "./error.ts";
import { findDistributions, findVenv } from "./installed.ts";
import { findInterpreter, findLibc } from "./interpreter.ts";
import { applyLayer, type LayerSummary, summarizeLayer } from "./layer-summary.ts";
import type { AccountFile, Outline } from "./outline.ts";
import { sortedByPath, sortedPaths } from "./path-order.ts";
import { PathTree } from "./path-tree.ts";

/** A layer that can be read. */
export interface LayerSource {
  readonly mediaType: string;
  /** Digest of the uncompressed tar; checked where it is given. */
  readonly diffId?: Digest;
  /** Streams the layer's blob from its beginning. */
  open(): AsyncIterable<Uint8Array>;
}

interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/** The part of an image's config that says where its interpreter and its virtual environment are. */
interface ConfigWithEnvironment {
  readonly config?: { readonly Env?: readonly string[] | null | undefined } | null | undefined;
}

/**
 * Reads the outline of a stack of layers, bottom first, as they stream by, one after the other. Raises what the tar
 * reader raises for damaged and hostile layers, OversizedLayerError, DiffIdMismatchError and LinkLoopError.
 */
export async function readOutline(
  layers: Iterable<LayerSource>,
  config: ConfigWithEnvironment,
  options: ReadOptions = {},
): Promise<Outline> {
  const summaries: LayerSummary[] = [];
  for (const layer of layers) summaries.push(await readLayerSummary(layer, options));
  return outlineOf(summaries, config.config?.Env ?? []);
}

/** Reads what one layer adds and removes. The whole of its stream is read. */
export async function readLayerSummary(
  layer: LayerSource,
  options: ReadOptions = {},
): Promise<LayerSummary> {
  const read = options.signal === undefined ? {} : { signal: options.signal };
  const hash = createHash("sha256");
  async function* hashed(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of decompressLayer(layer.open(), layer.mediaType, read)) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const summary = await summarizeLayer(readTar(hashed(), read));
  const digest = hash.digest("hex");
  if (layer.diffId !== undefined && digest !== digestHex(layer.diffId)) {
    throw new DiffIdMismatchError(
      `A layer of the base is not what its config says: uncompressed it is sha256:${digest}, not ${layer.diffId}.`,
      "Push the base anew, or use another one.",
    );
  }
  return summary;
}

/**
 * The outline of a stack of layers, bottom first. `environment` is the image config's `Env` (`NAME=value`): it says where
 * the virtual environment and the interpreter are. Raises LinkLoopError.
 */
export function outlineOf(layers: Iterable<LayerSummary>, environment: readonly string[]): Outline {
  const tree = new PathTree();
  for (const layer of layers) applyLayer(tree, layer);
  const directories: [string, Attributes][] = [];
  const links: [string, string][] = [];
  for (const [path, node] of tree.below("")) {
    if (node.kind === "directory") directories.push([path, node.attributes ?? plainDirectory]);
    else if (node.kind === "link") links.push([path, node.target]);
  }
  const variables = new Map(environment.map(splitVariable));
  const python = findInterpreter(tree, variables);
  const libc = findLibc(tree);
  const venv = findVenv(tree, variables);
  const venvFiles: string[] = [];
  if (venv) {
    for (const [path, node] of tree.below(venv.physicalPrefix)) {
      if (node.kind !== "directory") venvFiles.push(path);
    }
  }
  return {
    directories: sortedByPath(directories),
    links: sortedByPath(links),
    ...accountFile(tree, "passwd"),
    ...accountFile(tree, "group"),
    ...accountFile(tree, "shadow"),
    ...accountFile(tree, "gshadow"),
    ...(python && { python }),
    ...(libc && { libc }),
    ...(venv && { venv }),
    distributions: venv ? findDistributions(tree, venv) : [],
    venvFiles: new Set(sortedPaths(venvFiles)),
  };
}

function accountFile(
  tree: PathTree,
  name: "passwd" | "group" | "shadow" | "gshadow",
): Partial<Record<typeof name, AccountFile>> {
  const node = tree.get(`etc/${name}`);
  if (node?.kind !== "file" || node.finding?.kind !== "account") return {};
  const { text, mode, uid, gid } = node.finding;
  return { [name]: { text, mode, uid, gid } };
}

function splitVariable(variable: string): readonly [string, string] {
  const equals = variable.indexOf("=");
  return equals < 0 ? [variable, ""] : [variable.slice(0, equals), variable.slice(equals + 1)];
}
