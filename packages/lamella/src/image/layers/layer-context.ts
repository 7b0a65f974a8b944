import { resolve } from "node:path";
import type { DigestMemo } from "../../files/digest-memo.ts";

/** What a layer needs beside itself to look at its files. */
export interface LayerContext {
  /** Absolute folder that relative paths are relative to. */
  readonly root: string;
  /** The `.dockerignore` that holds for what is copied, if the definition names one. */
  readonly ignoreFile?: string | undefined;
  readonly memo?: DigestMemo | undefined;
}

/** Where a path of a layer is on this machine. */
export function onThisMachine({ root }: LayerContext, path: string): string {
  return resolve(root, path);
}
