import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod/mini";
import { type Digest, digestHex } from "../files/digest.ts";
import { lockFile } from "../files/file-lock.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Document } from "./document.ts";
import { BlobMismatchError, InvalidLayoutError } from "./error.ts";
import { type ImageIndex, parseIndex } from "./index-document.ts";
import { decodeJson, encodeJson } from "./json.ts";
import { faultCode, namingFaults, ownPrefix, replaceFile } from "./layout-file.ts";
import { mediaType } from "./media-type.ts";

/** The file that marks a layout, and the one version that there is (image-spec image-layout.md). */
const markerFile = "oci-layout";
const markerSchema = z.looseObject({ imageLayoutVersion: z.literal("1.0.0") });

const indexFile = "index.json";

const lockName = `${ownPrefix}lock`;

// Files of a writer that died are removed after a day, in milliseconds.
const staleAge = 24 * 60 * 60 * 1000;

/** The annotation that names an entry of a layout's index (image-spec annotations.md). */
const refNameAnnotation = "org.opencontainers.image.ref.name";

/**
 * Opens the layout in a folder, and makes one where the folder is empty or not there. Raises {@link InvalidLayoutError}
 * for a folder with other files in it and {@link LayoutNotWritableError}.
 */
export async function createLayout(directory: string): Promise<Layout> {
  return namingFaults(directory, async () => {
    const names = (await readdir(directory).catch(absentIfMissing)) ?? [];
    const others = names.filter((name) => name !== "blobs" && !name.startsWith(ownPrefix));
    if (others.length > 0 && !others.includes(markerFile)) {
      throw new InvalidLayoutError(
        `The folder ${directory} has files in it that are no OCI layout.`,
        "Name an empty folder, one that does not exist, or a layout.",
      );
    }
    await mkdir(join(directory, "blobs", "sha256"), { recursive: true });
    await removeStale(directory, names);
    // The marker comes first: another writer that sees the index without it would take the folder for somebody else's.
    if (!others.includes(markerFile)) {
      const marker = encodeJson({ imageLayoutVersion: "1.0.0" });
      await replaceFile(directory, join(directory, markerFile), (file) => file.writeFile(marker));
    }
    if (!others.includes(indexFile)) {
      await changeIndex(directory, (index) => index);
    }
    return openLayout(directory);
  });
}

/** Opens the layout in a folder. Raises {@link InvalidLayoutError} where there is none. */
export async function openLayout(directory: string): Promise<Layout> {
  let marker: Uint8Array;
  try {
    marker = await readFile(join(directory, markerFile));
  } catch (error) {
    throw new InvalidLayoutError(
      `There is no OCI layout in ${directory}.`,
      `A layout is a folder with a file '${markerFile}'. Check the path.`,
      { cause: error },
    );
  }
  decodeJson(marker, `file ${join(directory, markerFile)}`, markerSchema);
  return new Layout(directory);
}

/**
 * An OCI image layout (image-spec image-layout.md): images in a folder, which skopeo, crane, umoci and others read.
 * Every file appears whole or not at all, and several processes may write at once.
 */
export class Layout {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The size of a blob in bytes; undefined if it is not there. */
  async hasBlob(digest: Digest): Promise<number | undefined> {
    const found = await stat(this.blobPath(digest)).catch(absentIfMissing);
    return found?.isFile() === true ? found.size : undefined;
  }

  /**
   * Writes a blob, unless it is there; then the stream is not read. Raises {@link BlobMismatchError} for a stream with
   * other bytes and {@link LayoutNotWritableError}; nothing is left then.
   */
  async writeBlob(
    digest: Digest,
    size: number,
    stream: AsyncIterable<Uint8Array>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    if ((await this.hasBlob(digest)) === size) {
      return;
    }
    await replaceFile(this.path, this.blobPath(digest), async (file) => {
      const hash = createHash("sha256");
      let written = 0;
      for await (const chunk of stream) {
        options.signal?.throwIfAborted();
        written += chunk.length;
        if (written > size) {
          break;
        }
        hash.update(chunk);
        await namingFaults(this.path, () => file.writeFile(chunk));
      }
      if (written !== size || `sha256:${hash.digest("hex")}` !== digest) {
        throw new BlobMismatchError(
          `What was to be written as ${digest} (${size} bytes) has other bytes.`,
          "Its source is damaged: fetch or build it again.",
        );
      }
    });
  }

  /** A blob's bytes. Raises {@link InvalidLayoutError} if it is not there or, at the end, if it is damaged. */
  async *readBlob(digest: Digest): AsyncGenerator<Uint8Array, void, undefined> {
    const hash = createHash("sha256");
    try {
      for await (const chunk of createReadStream(this.blobPath(digest), {
        highWaterMark: 256 * 1024,
      })) {
        hash.update(chunk as Uint8Array);
        yield chunk as Uint8Array;
      }
    } catch (error) {
      throw faultCode(error) === "ENOENT" ? this.#damaged(`${digest} is not there`, error) : error;
    }
    if (`sha256:${hash.digest("hex")}` !== digest) {
      throw this.#damaged(`${digest} has other bytes`);
    }
  }

  /**
   * Writes a manifest or index and lists it in the layout's own index, under a name if one is given; the name is taken
   * from whatever had it. Its blobs have to be there before. Raises {@link BlobMismatchError} and
   * {@link LayoutNotWritableError}.
   */
  async addManifest(descriptor: Descriptor, bytes: Uint8Array, refName?: string): Promise<void> {
    await this.writeBlob(descriptor.digest, descriptor.size, inOne(bytes));
    const { [refNameAnnotation]: _, ...annotations } = descriptor.annotations ?? {};
    const named =
      refName === undefined ? annotations : { ...annotations, [refNameAnnotation]: refName };
    const { annotations: _before, ...plain } = descriptor;
    const entry = Object.keys(named).length === 0 ? plain : { ...plain, annotations: named };
    await changeIndex(this.path, (index) => ({
      ...index,
      manifests: [
        ...index.manifests.filter((other) =>
          refName === undefined
            ? other.digest !== entry.digest || refNameOf(other) !== undefined
            : refNameOf(other) !== refName,
        ),
        entry,
      ],
    }));
  }

  /** The layout's own index. Raises {@link InvalidLayoutError} and InvalidDocumentError. */
  async index(): Promise<ImageIndex> {
    const index = await readIndex(this.path);
    if (index === undefined) {
      throw this.#damaged(`${indexFile} is not there`);
    }
    return index;
  }

  /** What has a name, or the only entry if no name is given; undefined if there is none. */
  async manifest(refName?: string): Promise<Document | undefined> {
    const { manifests } = await this.index();
    const found =
      refName === undefined
        ? manifests.length === 1
          ? manifests[0]
          : undefined
        : manifests.find((entry) => refNameOf(entry) === refName);
    if (found === undefined) {
      return undefined;
    }
    if ((await this.hasBlob(found.digest)) !== found.size) {
      throw this.#damaged(`${found.digest} does not have ${found.size} bytes`);
    }
    return {
      descriptor: found,
      bytes: Buffer.concat(await Array.fromAsync(this.readBlob(found.digest))),
    };
  }

  /** Where a blob lies. */
  blobPath(digest: Digest): string {
    return join(this.path, "blobs", "sha256", digestHex(digest));
  }

  #damaged(why: string, cause?: unknown): InvalidLayoutError {
    return new InvalidLayoutError(
      `The OCI layout in ${this.path} is damaged: ${why}.`,
      "Write it again, into an empty folder.",
      cause === undefined ? undefined : { cause },
    );
  }
}

const emptyIndex: ImageIndex = { schemaVersion: 2, mediaType: mediaType.index, manifests: [] };

async function readIndex(directory: string): Promise<ImageIndex | undefined> {
  const bytes = await readFile(join(directory, indexFile)).catch(absentIfMissing);
  return bytes === undefined ? undefined : parseIndex(bytes);
}

/** Reads, changes and writes the index while no other process does. */
async function changeIndex(
  directory: string,
  change: (index: ImageIndex) => ImageIndex,
): Promise<void> {
  await namingFaults(directory, async () => {
    using _lock = await lockFile(join(directory, lockName));
    const bytes = encodeJson(change((await readIndex(directory)) ?? emptyIndex));
    await replaceFile(directory, join(directory, indexFile), (file) => file.writeFile(bytes));
  });
}

async function removeStale(directory: string, names: readonly string[]): Promise<void> {
  for (const name of names.filter((own) => own.startsWith(ownPrefix) && own !== lockName)) {
    const path = join(directory, name);
    const written = await stat(path).catch(absentIfMissing);
    if (written !== undefined && Date.now() - written.mtimeMs > staleAge) {
      await rm(path, { force: true });
    }
  }
}

function refNameOf(descriptor: Descriptor): string | undefined {
  return descriptor.annotations?.[refNameAnnotation];
}

async function* inOne(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function absentIfMissing(error: unknown): undefined {
  if (faultCode(error) !== "ENOENT") {
    throw error;
  }
}
