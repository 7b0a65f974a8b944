import type { Config } from "../config/config.ts";
import { DigestMemo } from "../files/digest-memo.ts";
import { createRegistryClient, type RegistryClient } from "../registry/client.ts";
import { dockerCredentials } from "../registry/credentials.ts";
import { proxyFromEnvironment } from "../registry/settings.ts";
import type { Store } from "../store/store.ts";
import { cachePlace, cacheReferences } from "./cache/cache-references.ts";
import { ImportedCaches } from "./cache/imported-caches.ts";
import type { CachePlace } from "./cache/read-cache.ts";
import { UsedMemos } from "./cache/used-memos.ts";
import type { Journal } from "./journal.ts";
import { LateWheels } from "./late-wheels.ts";
import { openStore } from "./open-store.ts";
import { Resources } from "./resources.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What every stage of one build shares. */
export interface Session extends AsyncDisposable {
  readonly store: Store;
  readonly client: RegistryClient;
  readonly config: Config;
  /** Digests of files of this machine that were hashed before. */
  readonly memo: DigestMemo;
  /** The environment variables of the process, where a stage may look at them. */
  readonly env: Environment;
  readonly journal: Journal;
  /** Ends every stage: aborted by whoever asked for the work, or by {@link Session.stop}. */
  readonly signal: AbortSignal;
  /** Ends what goes on beside a stage that has failed. */
  readonly stop: (reason: unknown) => void;
  /** What other machines found out; the store's memos ask them for what they lack. */
  readonly caches: ImportedCaches;
  /** Where what this build finds out is put, if it is, and what that is so far. */
  readonly exporting?: { readonly place: CachePlace; readonly used: UsedMemos };
  /** Wheels whose content is still elsewhere. */
  readonly lateWheels: LateWheels;
  /** What a stage opened and a later one still uses; it ends with the session. */
  readonly resources: Resources;
}

/**
 * Opens the store and a registry client, as the configuration has them, and the caches that it names. `cancelled` ends
 * every stage. Raises what opening the store raises, InvalidReferenceError and CacheReferenceError.
 */
export async function openSession(
  config: Config,
  env: Environment,
  journal: Journal,
  cancelled?: AbortSignal,
): Promise<Session> {
  const resources = new Resources();
  const controller = new AbortController();
  const signal = cancelled ? AbortSignal.any([cancelled, controller.signal]) : controller.signal;
  signal.addEventListener("abort", () => journal.stop(), { once: true });
  try {
    const { from, to } = cacheReferences(config.cache);
    const store = resources.use(await openStore(config, env));
    await store.hold();
    const memo = resources.use(
      // In the store's session: beside the memo it would stay when the process is killed.
      await DigestMemo.load(store.path("file-digests"), {
        temporaryPath: () => store.temporaryPath(),
      }),
    );
    const client = resources.use(
      createRegistryClient({
        registries: config.registries,
        credentials: dockerCredentials(env),
        proxy: proxyFromEnvironment(env),
        signal,
      }),
    );
    const places = from.map((reference) => cachePlace(reference, client));
    const caches = resources.use(new ImportedCaches(places, journal, signal));
    const exporting = to && { place: cachePlace(to, client), used: new UsedMemos() };
    store.memos.accompany({
      recall: (namespace, key) => caches.recall(namespace, key),
      note: (namespace, key, value) => exporting?.used.note(namespace, key, value),
    });
    const close = (): Promise<void> => resources[Symbol.asyncDispose]();
    return {
      store,
      client,
      config,
      memo,
      env,
      journal,
      signal,
      stop: (reason) => controller.abort(reason),
      caches,
      lateWheels: new LateWheels(),
      ...(exporting && { exporting }),
      resources,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await resources[Symbol.asyncDispose]();
    throw error;
  }
}

/** The session for work that may fail in vain: a failure of what goes on together there ends that alone. */
export function scoped(session: Session): Session {
  const controller = new AbortController();
  return {
    ...session,
    signal: AbortSignal.any([session.signal, controller.signal]),
    stop: (reason) => controller.abort(reason),
  };
}
