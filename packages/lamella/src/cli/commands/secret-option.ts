import { resolve } from "node:path";
import type { SecretSource } from "../../engine/secrets/find-secrets.ts";

/** Reads a value of `--secret`: `id=KEY,src=FILE` or `id=KEY,env=NAME`. */
export function parseSecret(text: string): SecretSource {
  const [, id, kind, place] = /^id=([^,]+),(src|env)=(.+)$/s.exec(text) ?? [];
  if (id === undefined || place === undefined) {
    throw new Error(
      "It takes id=KEY,src=FILE or id=KEY,env=NAME. A value itself would be seen in the list of processes.",
    );
  }
  return kind === "src" ? { id, src: place } : { id, env: place };
}

/** The same with the file's absolute path. */
export function inFolder(source: SecretSource, folder: string): SecretSource {
  return "src" in source ? { ...source, src: resolve(folder, source.src) } : source;
}
