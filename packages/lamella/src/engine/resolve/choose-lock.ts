import { formatReference } from "../../image/reference.ts";
import { buildLocked } from "../../python/build-locked.ts";
import { changedSources } from "../../python/lock/changed-sources.ts";
import { lockedCall } from "../../python/lock/locked-call.ts";
import { staleReasons } from "../../python/lock/stale-reasons.ts";
import { differingVersions, type Lock } from "../../python/lock.ts";
import { type IndexSettings, withCallSettings } from "../../python/package-index/settings.ts";
import { withPoetryPins } from "../../python/poetry-calls.ts";
import { resolveCalls } from "../../python/resolve-calls.ts";
import { asksForPackages, type ResolveCall } from "../../python/resolve-options.ts";
import type { OpenSourceBuilder } from "../../python/source-builder.ts";
import { findUv } from "../../python/uv.ts";
import type { ImageRequest } from "../image-request.ts";
import { shownDefinition } from "../lock-owner.ts";
import type { Session } from "../session.ts";
import type { CompilerSearch } from "./choose-compiler.ts";
import { LockError, UnknownLibcError } from "./error.ts";
import type { InstallPrefix } from "./install-prefix.ts";
import type { LockDocument } from "./lock-document.ts";
import type { PackageGround } from "./plan-packages.ts";

/** What a lock is looked for, or resolved, for. */
export interface LockQuestion {
  readonly base: PackageGround;
  readonly prefix: InstallPrefix;
  readonly calls: readonly ResolveCall[];
  readonly indexes: IndexSettings;
  /** A Python of the wanted version makes a resolution quicker. */
  readonly compilers: CompilerSearch;
  /** Builds what has no wheel; absent where it is not known what such a build would stand on. */
  readonly sources: OpenSourceBuilder | undefined;
  /** The lock of the image's first platform, when this is another one: its versions are kept where they can be. */
  readonly first: Lock | undefined;
}

/**
 * The lock beside the definition when it answers what the definition asks for; else a resolution, which keeps the
 * versions of the lock where it can. What a lock has from source is built, or was built before. Raises LockError under
 * `locked` when there is no such lock.
 */
export async function chooseLock(
  request: ImageRequest,
  question: LockQuestion,
  session: Session,
): Promise<Lock> {
  const { base, prefix, calls, indexes, compilers, sources, first } = question;
  const { platform, outline } = base;
  const { libc } = outline;
  const { python } = prefix.target;
  if (!libc) {
    throw new UnknownLibcError(
      `The C library of the base ${formatReference(request.base)} was not recognized, so no wheel can be chosen for it.`,
      "Use a base with glibc (Debian, Ubuntu, Fedora) or musl (Alpine).",
    );
  }
  const locked = await usableLock(request, { python, platform, libc }, calls, session);
  const { store, env, signal } = session;
  const onInstallUv = (): void =>
    session.journal.warn(
      "uv-installed",
      "uv resolves Python packages, and there is none that is new enough on PATH: it is being installed into the store, this once.",
    );
  if (locked) {
    const uv = (): Promise<string> => findUv({ store, env, signal, onInstall: onInstallUv });
    const open = { settings: withCallSettings(indexes, calls, env), uv };
    const builder = locked.unbuilt ? await sources?.(open) : undefined;
    const target = { python, platform, pythonFullVersion: prefix.version };
    const pinned = calls.map((call) => withPoetryPins(call, target));
    return await buildLocked(locked, { calls: pinned, builder, first });
  }
  const lock = await resolveCalls({
    calls,
    python,
    pythonFullVersion: prefix.version,
    platform,
    libc,
    installed: outline.distributions,
    preferences: first ?? request.lock?.file.locks.find((one) => one.platform === platform),
    upgrade: request.options.upgrade === true,
    indexes,
    sources,
    interpreter: (await compilers.find())?.executable,
    store,
    memo: session.memo,
    env,
    signal,
    onInstallUv,
  });
  for (const { name, versions } of first ? differingVersions(first, lock) : []) {
    session.journal.warn(
      "platforms-differ",
      `${name} is ${versions[0]} on ${first?.platform} and ${versions[1]} on ${platform}.`,
    );
  }
  return lock;
}

async function usableLock(
  request: ImageRequest,
  target: Pick<Lock, "python" | "platform" | "libc">,
  calls: readonly ResolveCall[],
  session: Session,
): Promise<Lock | undefined> {
  const { lock: document, lockPath, options } = request;
  if (options.upgrade) return undefined;
  if (!document) return undefined;
  const lock = document.file.locks.find((one) => one.platform === target.platform);
  const reasons = [
    ...reasonsAgainst(document, request, target, calls),
    ...(lock ? await changedSources(lock, calls, session) : []),
  ];
  if (reasons.length === 0) return lock;
  const update = "Write it anew: lamella lock FILE.";
  const { definition: owner } = document.image;
  const named = owner ? `${lockPath} (of ${shownDefinition(owner)})` : lockPath;
  const stale = `The lock ${named} does not fit the definition: ${reasons.join(" ")}`;
  if (options.locked) throw new LockError(stale, update);
  session.journal.warn("lock-stale", `${stale} Packages were resolved anew.`, update);
  return undefined;
}

/** Raises LockError for packages that a lock is asked for, where there is none: that needs no look at anything else. */
export function requireLock(request: ImageRequest, calls: readonly ResolveCall[]): void {
  const { locked, upgrade } = request.options;
  if (locked && !upgrade && !request.lock && calls.some(asksForPackages))
    throw missingLock(request);
}

function missingLock({ lockPath, otherLock }: ImageRequest): LockError {
  const owner = otherLock?.image.definition;
  if (!owner) {
    const hint = "Write it: lamella lock FILE. Or leave --locked away.";
    return new LockError(`There is no lock at ${lockPath}.`, hint);
  }
  return new LockError(
    `The lock ${lockPath} is that of ${shownDefinition(owner)}, whose image has the same name: this one has none.`,
    'Give one of the images a name of its own, { name: "…" }, since locks are called after it; then: lamella lock FILE. Or leave --locked away.',
  );
}

/** Why the lock does not answer what the definition asks for, one sentence a reason. */
function reasonsAgainst(
  { file, image }: LockDocument,
  { base, definition, lockFits }: ImageRequest,
  { python, ...platform }: Pick<Lock, "python" | "platform" | "libc">,
  calls: readonly ResolveCall[],
): readonly string[] {
  const wanted = calls.map((call) => lockedCall(call, { directory: definition.root }));
  const reasons = staleReasons(file, { python, targets: [platform], calls: wanted });
  if (image.base !== formatReference(base)) reasons.push(`It is for the base ${image.base}.`);
  // The identifier leaves such a lock out, and so must what is built under it.
  if (reasons.length === 0 && !lockFits) reasons.push("Its requirements are written otherwise.");
  return reasons;
}
