import { chmod, mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { digestHex, sha256 } from "../files/digest.ts";
import type { FileLock } from "../files/file-lock.ts";
import { withStoreFaults } from "../store/error.ts";
import { acquireLock } from "../store/lock.ts";
import type { Store } from "../store/store.ts";
import { joinCertificates } from "./certificates.ts";
import { MountError } from "./error.ts";
import { readStackFile } from "./layer-stack.ts";
import type { PrivateFile } from "./private-file.ts";
import { resolvePath } from "./resolve-path.ts";
import type { Snapshot } from "./snapshot.ts";
import type { ProcessUser } from "./user.ts";

/**
 * Something of this machine that a step sees, and that is no part of its layer. `destination` is an absolute path in the
 * image; where nothing is there, it is only there for the step.
 */
export type StepMount = CacheMount | HostMount | OutputMount | SecretMount | CertificatesMount;

/** A folder in the store that steps of this id share, now and later. */
export interface CacheMount {
  readonly kind: "cache";
  readonly id: string;
  readonly destination: string;
  /** Of the folder when it is made; 0755 where absent. */
  readonly mode?: number;
  /** `locked`: one step at a time has it, and others wait. */
  readonly sharing?: "shared" | "locked";
}

/** A file or folder of this machine, to be read only. */
export interface HostMount {
  readonly kind: "bind";
  /** Absolute path on this machine. */
  readonly source: string;
  readonly destination: string;
}

/** A folder of this machine that the step writes to. */
export interface OutputMount {
  readonly kind: "output";
  /** Absolute path on this machine. */
  readonly path: string;
  readonly destination: string;
}

/** A file that is in memory only, and gone with the step. */
export interface SecretMount {
  readonly kind: "secret";
  readonly value: Uint8Array;
  readonly destination: string;
  /** 0400 where absent. */
  readonly mode?: number;
  /** Those of the step's process where absent. */
  readonly uid?: number;
  readonly gid?: number;
}

/** A file of certificate authorities: those of this machine, and those that the image has. In memory, to be read only. */
export interface CertificatesMount {
  readonly kind: "certificates";
  /** Absolute path on this machine of a file in PEM. */
  readonly source: string;
  /** Absolute paths in the image; of the files there the first counts. */
  readonly inImage: readonly string[];
  readonly destination: string;
}

/** What is to be mounted into a container, before it is known where that is. */
export interface WantedMount {
  /** Absolute path in the image, as it was named. */
  readonly destination: string;
  readonly type: "file" | "directory";
  /** Absolute path on this machine; that of a private file is in the folder of those. */
  readonly source: { readonly path: string } | { readonly privateFile: string };
  readonly writable: boolean;
}

/** What mounts are made for. */
export interface MountGround {
  readonly user: ProcessUser;
  /** The image's layers, lowest first. */
  readonly snapshots: readonly Snapshot[];
  readonly store: Store;
}

/** A step's mounts, ready to be made. */
export interface PreparedMounts {
  readonly mounts: readonly WantedMount[];
  readonly privateFiles: readonly PrivateFile[];
}

/** Waits for the locks of the caches that one step at a time has. Raises the signal's reason. */
export async function lockCaches(
  mounts: readonly StepMount[],
  store: Store,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<AsyncDisposable> {
  const held: FileLock[] = [];
  const release = async (): Promise<void> => {
    for (const lock of held.toReversed()) await lock[Symbol.asyncDispose]();
  };
  const ids = mounts.flatMap((mount) =>
    mount.kind === "cache" && mount.sharing === "locked" ? [mount.id] : [],
  );
  try {
    // In one order for all, or two steps could wait for each other.
    for (const id of [...new Set(ids)].sort()) {
      held.push(await acquireLock(store, `cache ${id}`, options));
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { [Symbol.asyncDispose]: release };
}

/**
 * Makes the folders of a step's mounts, and looks at their sources. Raises {@link MountError} for a source that is not
 * there, StoreNotWritableError, DiskFullError.
 */
export async function prepareMounts(
  mounts: readonly StepMount[],
  { user, snapshots, store }: MountGround,
): Promise<PreparedMounts> {
  const privateFiles: PrivateFile[] = [];
  const prepared: WantedMount[] = [];
  for (const [index, mount] of mounts.entries()) {
    const { destination } = mount;
    switch (mount.kind) {
      case "cache": {
        const path = await cacheFolder(mount, store);
        prepared.push({ destination, type: "directory", source: { path }, writable: true });
        break;
      }
      case "bind":
      case "output": {
        const path = mount.kind === "bind" ? mount.source : mount.path;
        const type = await typeOf(path);
        prepared.push({ destination, type, source: { path }, writable: mount.kind === "output" });
        break;
      }
      case "certificates": {
        const path = `certificates/${index}`;
        const bytes = await certificates(mount, snapshots);
        privateFiles.push({ path, bytes, mode: 0o444, uid: 0, gid: 0 });
        const source = { privateFile: path };
        prepared.push({ destination, type: "file", source, writable: false });
        break;
      }
      case "secret": {
        const { value: bytes, mode = 0o400, uid = user.uid, gid = user.gid } = mount;
        const path = `secrets/${index}`;
        privateFiles.push({ path, bytes, mode, uid, gid });
        const source = { privateFile: path };
        prepared.push({ destination, type: "file", source, writable: false });
        break;
      }
    }
  }
  return { mounts: prepared, privateFiles };
}

async function cacheFolder({ id, mode = 0o755 }: CacheMount, store: Store): Promise<string> {
  // Hashed, so that an id may hold anything.
  const path = join(store.path("caches"), digestHex(sha256(id)));
  await store.claimFolder(path);
  await withStoreFaults(path, async () => {
    const made = await mkdir(path, { recursive: true });
    // Whatever the caller's mask takes away.
    if (made !== undefined) await chmod(path, mode);
  });
  return path;
}

async function certificates(
  { source, inImage }: CertificatesMount,
  snapshots: readonly Snapshot[],
): Promise<Uint8Array> {
  await typeOf(source);
  const texts = [await readFile(source, "utf8")];
  for (const path of inImage) {
    const found = await readStackFile(snapshots, await resolvePath(snapshots, path));
    if (found !== undefined) {
      texts.push(found);
      break;
    }
  }
  return Buffer.from(joinCertificates(texts));
}

async function typeOf(path: string): Promise<"file" | "directory"> {
  const stats = await stat(path).catch((error: unknown) => {
    throw new MountError(
      `${path} is to be mounted into a step, and is not there.`,
      "Create it, or leave the mount out.",
      { cause: error },
    );
  });
  return stats.isDirectory() ? "directory" : "file";
}
