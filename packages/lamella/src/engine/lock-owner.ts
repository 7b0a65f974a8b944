import { access } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Platform } from "../image/platform.ts";
import type { LockedCall } from "../python/lock/locked-call.ts";
import { LockTakenError } from "./error.ts";
import type { LockDocument, LockedDefinition } from "./resolve/lock-document.ts";

/** A definition on this machine: a file, and which of its exports. */
export interface DefinitionSource {
  /** Absolute path. */
  readonly file: string;
  /** Absent for the default export. */
  readonly export?: string;
}

/** A lock that is to be written. */
export interface WantedLock {
  readonly path: string;
  /** What the lock is for, if that is known. */
  readonly definition?: DefinitionSource | undefined;
  /** The base as the definition names it, in full. */
  readonly base: string;
  readonly pythonVersion?: string | undefined;
  /** Absent for the base's own. */
  readonly platforms?: readonly Platform[] | undefined;
  readonly calls: readonly LockedCall[];
  /** Whether another definition's lock may be replaced. */
  readonly force?: boolean | undefined;
}

/**
 * Whose a lock is after it was written: locks are named after images, and two definitions in one folder can give theirs
 * one name. Those that ask for the same share the lock. Else the second raises LockTakenError, unless it is forced or the
 * first is no longer there.
 */
export async function lockOwner(
  wanted: WantedLock,
  lock: Pick<LockDocument, "file" | "image"> | undefined,
): Promise<LockedDefinition | undefined> {
  const folder = dirname(wanted.path);
  const ours = wanted.definition && lockedDefinition(wanted.definition, folder);
  const owner = lock?.image.definition;
  if (!lock || !owner || !ours) return ours ?? owner;
  if (isDeepStrictEqual(ours, owner) || !(await exists(join(folder, owner.file)))) return ours;
  if (asksForTheSame(wanted, lock)) return owner;
  if (wanted.force) return ours;
  const [name, other] = [shownDefinition(ours), shownDefinition(owner)];
  throw new LockTakenError(
    `The lock ${wanted.path} is that of ${other}, and would no longer fit it after locking ${name}: the images of both have one name, which the file is called after.`,
    `Give one of the images a name of its own: { name: "…" }.\nIf the file is to be that of ${name} from now on: lamella lock ${name} --force`,
  );
}

/**
 * Whether a lock was written for another definition than `source`, which is still there. Of an unknown source nothing can
 * be said.
 */
export async function isLockOfAnother(
  { path, image: { definition: owner } }: Pick<LockDocument, "path" | "image">,
  source: DefinitionSource | undefined,
): Promise<boolean> {
  if (!owner || !source) return false;
  const folder = dirname(path);
  const isOurs = isDeepStrictEqual(lockedDefinition(source, folder), owner);
  return !isOurs && (await exists(join(folder, owner.file)));
}

/** `image.ts`, or `image.ts#train`. */
export function shownDefinition({ file, export: name }: LockedDefinition): string {
  return name === undefined ? file : `${file}#${name}`;
}

/** Relative to the lock, so that every checkout writes the same. */
function lockedDefinition(definition: DefinitionSource, folder: string): LockedDefinition {
  const file = relative(folder, definition.file).split(sep).join("/");
  return { file, ...(definition.export === undefined ? {} : { export: definition.export }) };
}

function asksForTheSame(
  { base, pythonVersion, platforms, calls }: WantedLock,
  { file, image }: Pick<LockDocument, "file" | "image">,
): boolean {
  const locked = file.locks.map(({ platform }) => platform);
  return (
    isDeepStrictEqual(calls, file.calls) &&
    base === image.base &&
    file.locks.every(({ python }) => python === (pythonVersion ?? python)) &&
    (platforms ? isDeepStrictEqual(new Set(platforms), new Set(locked)) : locked.length === 1)
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
