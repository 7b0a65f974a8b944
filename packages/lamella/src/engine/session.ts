import type { Config } from "../config/config.ts";
import { DigestMemo } from "../files/digest-memo.ts";
import { createRegistryClient, type RegistryClient } from "../registry/client.ts";
import { dockerCredentials } from "../registry/credentials.ts";
import { proxyFromEnvironment } from "../registry/settings.ts";
import { Store } from "../store/store.ts";
import { defaultStoreRoot } from "../store/store-root.ts";
import type { Journal } from "./journal.ts";

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
  /** Stops every stage. */
  readonly signal: AbortSignal;
  /** What a stage opened and a later one still uses; it ends with the session. */
  readonly resources: AsyncDisposableStack;
}

/** Opens the store and a registry client, as the configuration has them. Raises what opening the store raises. */
export async function openSession(
  config: Config,
  env: Environment,
  journal: Journal,
  signal: AbortSignal,
): Promise<Session> {
  await using opening = new AsyncDisposableStack();
  const store = opening.use(await Store.open(config.storeRoot ?? defaultStoreRoot(env)));
  const temporaryPath = (): Promise<string> => store.temporaryPath();
  const memo = opening.use(await DigestMemo.load(store.path("file-digests"), { temporaryPath }));
  const client = opening.use(
    createRegistryClient({
      registries: config.registries,
      credentials: dockerCredentials(env),
      proxy: proxyFromEnvironment(env),
      signal,
    }),
  );
  const resources = opening.move();
  return {
    store,
    client,
    config,
    memo,
    env,
    journal,
    signal,
    resources,
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}
