import type { Session } from "./session.ts";

/**
 * `Promise.all` for what goes on at the same time in a session: the first failure stops the session, and is raised when
 * the others have ended too. Whoever awaits it can close what they used, and nothing is done any more in the name of work
 * that has failed.
 */
export async function together<T extends readonly unknown[] | []>(
  { stop }: Pick<Session, "stop">,
  works: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  try {
    return await Promise.all(works);
  } catch (error) {
    stop(error);
    await Promise.allSettled(works);
    throw error;
  }
}
