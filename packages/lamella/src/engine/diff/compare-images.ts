import { isDeepStrictEqual } from "node:util";
import { compareByteOrder } from "../../files/byte-order.ts";
import type { Digest } from "../../files/digest.ts";
import type { ImageConfig } from "../../oci/config.ts";
import type { Layer } from "../../oci/descriptor.ts";
import { annotation } from "../annotation.ts";
import type { ImageFiles } from "./image-files.ts";
import { type InstalledPackage, installedPackages } from "./image-packages.ts";
import type { ImageFile } from "./layer-files.ts";

/** An image with all that is compared. */
export interface ComparedImage {
  /** As it was asked for. */
  readonly name: string;
  readonly config: ImageConfig;
  /** The lowest first. */
  readonly layers: readonly Layer[];
  readonly contents: ImageFiles;
}

/** Something that was added (no `before`), removed (no `after`) or changed. */
export interface Change<T> {
  readonly before?: T;
  readonly after?: T;
}

export interface NamedChange<T> extends Change<T> {
  readonly name: string;
}

export interface PackageChange extends NamedChange<string> {
  readonly kind: InstalledPackage["kind"];
  readonly location?: string;
}

export interface FileChange extends Change<ImageFile> {
  /** Absolute. */
  readonly path: string;
}

/** A layer that only one of the images has. */
export interface LayerSummary {
  readonly diffId: Digest;
  readonly digest: Digest;
  /** Compressed bytes. */
  readonly size: number;
  /** For people: what is in it. */
  readonly title: string;
}

export interface ImageSummary {
  readonly name: string;
  readonly platform: string;
  readonly layers: number;
  /** Compressed bytes of all layers. */
  readonly size: number;
}

/** How two images differ. Lists are sorted by name; all are empty where the images do the same. */
export interface ImageDiff {
  readonly before: ImageSummary;
  readonly after: ImageSummary;
  readonly packages: readonly PackageChange[];
  readonly layers: {
    readonly removed: readonly LayerSummary[];
    readonly added: readonly LayerSummary[];
    /** How many both have. */
    readonly same: number;
  };
  readonly env: readonly NamedChange<string>[];
  /** What else the config says of how containers start, by its name there: `WorkingDir`, `User`, `Cmd`, … */
  readonly config: readonly NamedChange<unknown>[];
  readonly labels: readonly NamedChange<string>[];
  readonly files: readonly FileChange[];
}

/** Compares what is in two images. */
export function compareImages(before: ComparedImage, after: ComparedImage): ImageDiff {
  const { Env: _env, Labels: _labels, ...rest } = before.config.config ?? {};
  const { Env: _envAfter, Labels: _labelsAfter, ...restAfter } = after.config.config ?? {};
  return {
    before: summary(before),
    after: summary(after),
    packages: packageChanges(before, after),
    layers: layerChanges(before, after),
    env: namedChanges(variables(before), variables(after)),
    config: namedChanges(stated(rest), stated(restAfter)),
    labels: namedChanges(labels(before), labels(after)),
    files: changes(before.contents.files, after.contents.files).map(([path, change]) => ({
      path: `/${path}`,
      ...change,
    })),
  };
}

function summary({ name, config, layers }: ComparedImage): ImageSummary {
  const size = layers.reduce((sum, layer) => sum + layer.size, 0);
  return { name, platform: `${config.os}/${config.architecture}`, layers: layers.length, size };
}

function packageChanges(before: ComparedImage, after: ComparedImage): readonly PackageChange[] {
  const [was, is] = [before, after].map(({ contents }) => {
    const found = installedPackages(contents);
    return new Map(found.map((one) => [`${one.kind} ${one.name}\n${one.location ?? ""}`, one]));
  });
  return changes(was ?? new Map(), is ?? new Map()).map(([, change]) => {
    const { kind, name, location } = (change.after ?? change.before) as InstalledPackage;
    return {
      kind,
      name,
      ...(location === undefined ? {} : { location }),
      ...(change.before && { before: change.before.version }),
      ...(change.after && { after: change.after.version }),
    };
  });
}

function layerChanges(before: ComparedImage, after: ComparedImage): ImageDiff["layers"] {
  const [was, is] = [before, after].map(
    ({ layers }) => new Set(layers.map(({ diffId }) => diffId)),
  );
  const without = (image: ComparedImage, other: ReadonlySet<Digest> | undefined): LayerSummary[] =>
    image.layers.flatMap((layer, index) =>
      other?.has(layer.diffId) ? [] : [layerSummary(image, layer, index)],
    );
  const added = without(after, was);
  return { removed: without(before, is), added, same: after.layers.length - added.length };
}

function layerSummary({ config }: ComparedImage, layer: Layer, index: number): LayerSummary {
  const { digest, diffId, size, annotations } = layer;
  const made = config.history?.filter(({ empty_layer }) => empty_layer !== true);
  const title =
    annotations?.[annotation.title] ?? made?.[index]?.created_by ?? "a layer without a history";
  return { diffId, digest, size, title };
}

function variables({ config }: ComparedImage): ReadonlyMap<string, string> {
  return new Map(
    (config.config?.Env ?? []).map((line) => {
      const equals = line.indexOf("=");
      return equals < 0 ? [line, ""] : [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
}

function labels({ config }: ComparedImage): ReadonlyMap<string, string> {
  return new Map(Object.entries(config.config?.Labels ?? {}));
}

/** Docker writes what is not set as null, an empty string or an empty list. */
function isSet(value: unknown): boolean {
  return value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);
}

function stated(config: object): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(config).filter(([, value]) => isSet(value)));
}

function namedChanges<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
): readonly NamedChange<T>[] {
  return changes(before, after).map(([name, change]) => ({ name, ...change }));
}

/** What differs, by key, in the keys' byte order. */
function changes<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
): readonly (readonly [string, Change<T>])[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort(compareByteOrder);
  return keys.flatMap((key): readonly (readonly [string, Change<T>])[] => {
    const [was, is] = [before.get(key), after.get(key)];
    if (isDeepStrictEqual(was, is)) return [];
    const change = {
      ...(was === undefined ? {} : { before: was }),
      ...(is === undefined ? {} : { after: is }),
    };
    return [[key, change]];
  });
}
