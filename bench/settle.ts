import { run } from "./process.ts";

/** Has written to disk what others wrote to memory, so that nobody pays for somebody else's writing. */
export async function settle(signal: AbortSignal): Promise<void> {
  await run("sync", [], { signal });
}
