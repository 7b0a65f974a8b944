import { dirname } from "node:path";
import type { LamellaError } from "../error.ts";
import { replaceFile } from "../files/replace-file.ts";
import { lockSubject } from "../image/lock-subject.ts";
import { formatReference } from "../image/reference.ts";
import { formatLockFile } from "../python/lock/format-lock-file.ts";
import { lockedCall } from "../python/lock/locked-call.ts";
import type { Lock } from "../python/lock.ts";
import { NothingToLockError, UnplannedError } from "./error.ts";
import type { ImageRequest } from "./image-request.ts";
import { lockOwner } from "./lock-owner.ts";
import type { BuildPlan } from "./plan.ts";
import type { LockedImage, LockedPlatform } from "./resolve/lock-document.ts";
import type { PreparedPlan } from "./resolve/prepared-plan.ts";
import { pythonCalls } from "./resolve/python-calls.ts";
import { resolveImage } from "./resolve/resolve-image.ts";
import type { Session } from "./session.ts";

/** A lock that was written. */
export interface WrittenLock {
  readonly path: string;
  /** Whether it differs from what was there. */
  readonly changed: boolean;
  readonly plans: readonly BuildPlan[];
}

/**
 * Writes the lock of an image beside its definition: each package with its version and hash, or with the source that it is
 * built from, the base's digests, the order of the layers and the compiler of the bytecode. What an older lock says is kept where it still fits, unless
 * `upgrade` is asked for. Raises NothingToLockError for
 * an image without packages, UnplannedError where only a build can tell what they stand on, and LockTakenError for a lock
 * of another definition, unless `force` is asked for.
 */
export async function lockImage(request: ImageRequest, session: Session): Promise<WrittenLock> {
  const { definition, lockPath: path } = request;
  const directory = dirname(path);
  const calls = (await pythonCalls(definition, session.signal)).map((call) =>
    lockedCall(call, { directory }),
  );
  if (calls.every(({ requirements }) => requirements.length === 0)) {
    throw new NothingToLockError(
      `The image ${request.uri} has no Python packages to lock.`,
      "Pin its base by digest in the definition, if that is what you want: NAME@sha256:….",
    );
  }
  const base = formatReference(request.base);
  const owner = await lockOwner(
    {
      path,
      definition: request.options.definition,
      base,
      pythonVersion: definition.pythonVersion,
      platforms: request.platforms,
      calls,
      force: request.options.force,
    },
    request.lock ?? request.otherLock,
  );
  const prepared = await resolveImage(request, session);
  for (const { pending } of prepared) if (pending) throw unplanned(pending);
  const locks = prepared.flatMap(({ python }): Lock[] => (python ? [python.lock] : []));
  const plans = prepared.map(({ plan }) => plan);
  const image: LockedImage = {
    ...(owner ? { definition: owner } : {}),
    subject: lockSubject(definition),
    base,
    platforms: Object.fromEntries(prepared.map((one) => [one.plan.platform, lockedPlatform(one)])),
  };
  const file = { calls, locks, extra: { image } };
  const text = formatLockFile(file, { directory });
  const changed = text !== (request.lock ?? request.otherLock)?.text;
  if (changed) await replaceFile(path, text);
  return { path, changed, plans };
}

function unplanned(pending: LamellaError): UnplannedError {
  return new UnplannedError(
    `The packages cannot be locked before a command below them was executed: ${pending.message}`,
    "Build the image first (lamella build FILE): what its commands leave is remembered.",
    { cause: pending },
  );
}

function lockedPlatform({ plan, python }: PreparedPlan): LockedPlatform {
  const { compiler } = plan.python ?? {};
  return {
    base: plan.base.digest,
    order: python?.groups.map(({ key }) => key) ?? [],
    ...(compiler ? { compiler } : {}),
  };
}
