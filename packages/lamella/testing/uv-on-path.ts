import { delimiter, dirname, join } from "node:path";
import { findUv } from "../src/python/uv.ts";
import { Store } from "../src/store/store.ts";

/** Where a uv is kept for the tests, on machines that have none. */
const home = join(import.meta.dirname, "../../../.cache/uv");

/** Puts a uv on PATH for all tests: each of them has a new store, and would install it there. */
export async function setup(): Promise<void> {
  await using store = await Store.open(home);
  const uv = await findUv({ store, env: process.env });
  process.env["PATH"] = [dirname(uv), process.env["PATH"]].join(delimiter);
}
