import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pushBase } from "../src/base/bootstrap.ts";
import { makeDebianImage } from "../src/base/debian-image.ts";
import { type Digest, parseDigest } from "../src/files/digest.ts";
import type { Platform } from "../src/image/platform.ts";
import { formatReference, parseReference } from "../src/image/reference.ts";
import { type AssembledImage, assembleImage } from "../src/oci/assemble.ts";
import { imageLayers, parseImageConfig } from "../src/oci/config.ts";
import { parseImageManifest } from "../src/oci/manifest.ts";
import { mediaType } from "../src/oci/media-type.ts";
import { createRegistryClient } from "../src/registry/client.ts";
import { anonymous } from "../src/registry/credentials.ts";
import { acquireLock } from "../src/store/lock.ts";
import { Store } from "../src/store/store.ts";
import { type RunningRegistry, startRegistry } from "./docker-registry.ts";
import type { MadeLayer } from "./made-base.ts";

export interface DebianBaseOptions {
  /** `bookworm` if absent. */
  readonly suite?: string;
  readonly python: boolean;
  /** `linux/amd64` if absent. */
  readonly platform?: Platform;
}

export interface PushDebianBaseOptions extends Omit<DebianBaseOptions, "platform"> {
  /** `linux/amd64` alone if absent. */
  readonly platforms?: readonly Platform[];
  /** The image that it stands in for; `docker.io/library/python:3.11-slim-bookworm` if absent. */
  readonly as?: string;
  /** Hand-made layers on top: links and private directories, a virtual environment. */
  readonly above?: readonly MadeLayer[];
  /** Variables that the image sets, for example `VIRTUAL_ENV`. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A real Debian base, whose blobs are in a store. */
export interface DebianBase {
  readonly store: Store;
  readonly image: AssembledImage;
}

/**
 * A real Debian base, made by mmdebstrap (as root, some 30 s) the first time, and then found in the machine's temporary
 * folder for as long as the recipe's sources stay the same. The store is the caller's to dispose of.
 */
export async function debianBase(options: DebianBaseOptions): Promise<DebianBase> {
  const { suite = "bookworm", python, platform = "linux/amd64" } = options;
  const store = await Store.open(storeRoot());
  const key = [await recipeDigest(), suite, python, platform].join(" ");
  // Test files run in processes of their own: one of them makes it, the others wait.
  await using _ = await acquireLock(store, `debian-base ${key}`);
  const remembered = await store.memos.get(namespace, key, (value) => parseDigest(String(value)));
  const found = remembered && (await findImage(store, remembered));
  if (found) return { store, image: found };
  const { image } = await makeDebianImage({ suite, python, platform, store, env: process.env });
  await store.memos.put(namespace, key, image.manifest.descriptor.digest);
  return { store, image };
}

function storeRoot(): string {
  return join(tmpdir(), `lamella-debian-bases-${process.getuid?.() ?? 0}`);
}

/**
 * Puts a real Debian base into a local registry, named as a mirror has it. Takes less than a second once it was made.
 * Returns its reference there: `127.0.0.1:5000/library/python:3.11-slim-bookworm`.
 */
export async function pushDebianBase(
  registryHost: string,
  options: PushDebianBaseOptions,
): Promise<string> {
  const { platforms = ["linux/amd64"], ...shared } = options;
  await using store = await Store.open(storeRoot());
  const images: AssembledImage[] = [];
  for (const platform of platforms) {
    const { store: made, image } = await debianBase({ ...shared, platform });
    await using _ = made;
    images.push(await withLayers(image, options, store));
  }
  await using client = createRegistryClient({ registries: {}, credentials: anonymous });
  const as = parseReference(options.as ?? "docker.io/library/python:3.11-slim-bookworm");
  const { reference } = await pushBase(images, { as, to: registryHost, client, store });
  return formatReference(reference);
}

/** Starts a registry that stands in for Docker Hub: it has the Debian base, with Python. */
export async function startMirror(
  options: Partial<PushDebianBaseOptions> = {},
): Promise<RunningRegistry> {
  await using starting = new AsyncDisposableStack();
  const registry = starting.use(await startRegistry());
  await pushDebianBase(registry.host, { python: true, ...options });
  starting.move();
  return registry;
}

async function withLayers(
  debian: AssembledImage,
  { above = [], env }: PushDebianBaseOptions,
  store: Store,
): Promise<AssembledImage> {
  if (above.length === 0 && env === undefined) return debian;
  for (const layer of above) await store.blobs.put(layer.bytes);
  const image = assembleImage({
    base: {
      manifest: parseImageManifest(debian.manifest.bytes),
      config: parseImageConfig(debian.config.bytes),
    },
    layers: above.map(({ mediaType: type, digest, size, diffId }) => ({
      mediaType: type,
      digest,
      size,
      diffId,
      createdBy: "a test",
    })),
    changes: { ...(env && { env }) },
  });
  for (const { bytes } of [image.config, image.manifest]) await store.blobs.put(bytes);
  return image;
}

const namespace = "debian-base";

async function findImage(store: Store, digest: Digest): Promise<AssembledImage | undefined> {
  try {
    const manifest = await readAll(store, digest);
    const parsed = parseImageManifest(manifest);
    const config = await readAll(store, parsed.config.digest);
    const document = parseImageConfig(config);
    const layers = imageLayers(parsed, document);
    const platform = { os: document.os, architecture: document.architecture };
    for (const layer of layers) {
      if ((await store.blobs.has(layer.digest)) !== layer.size) return undefined;
    }
    return {
      config: { bytes: config, descriptor: parsed.config },
      manifest: {
        bytes: manifest,
        descriptor: { mediaType: mediaType.manifest, digest, size: manifest.length, platform },
      },
      layers,
    };
  } catch {
    // Temporary folders are cleaned in part: it is made anew.
    return undefined;
  }
}

async function readAll(store: Store, digest: Digest): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(store.blobs.read(digest)));
}

/** Of all sources that decide what the image is. */
async function recipeDigest(): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of ["base", "oci"]) {
    const path = join(import.meta.dirname, "../src", folder);
    for (const name of (await readdir(path)).sort()) {
      if (!name.endsWith(".ts") || name.endsWith(".test.ts")) continue;
      hash.update(`${folder}/${name}\0`).update(await readFile(join(path, name)));
    }
  }
  return hash.digest("hex");
}
