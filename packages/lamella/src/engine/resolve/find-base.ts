import { type Base, loadBase } from "../../base/base.ts";
import type { Platform } from "../../image/platform.ts";
import { formatReference, type Reference } from "../../image/reference.ts";
import type { ImageRequest } from "../image-request.ts";
import type { Session } from "../session.ts";

/** The base of an image for a platform (absent: the base's own), as the lock pins it, or as it is now. */
export async function findBase(
  request: ImageRequest,
  platform: Platform | undefined,
  session: Session,
): Promise<Base> {
  const { client, store, journal, signal } = session;
  const reference = pinned(request, platform);
  const several = (request.platforms?.length ?? 0) > 1;
  const name = `${formatReference(reference)}${several ? ` for ${platform}` : ""}`;
  return journal.task("base", name, async (task) => {
    const base = await loadBase(reference, {
      client,
      store,
      signal,
      onProgress: (done, total) => task.progress(done, total),
      ...(platform ? { platform } : {}),
    });
    task.finish(base.outlineKnown ? "cached" : "done");
    return base;
  });
}

/** The definition's base, with the digest that the lock has for it, unless newer ones are asked for. */
function pinned(
  { base: reference, lock, options }: ImageRequest,
  platform: Platform | undefined,
): Reference {
  if (!lock || options.upgrade || lock.image.base !== formatReference(reference)) return reference;
  const platforms = Object.entries(lock.image.platforms);
  const [only] = platforms;
  const locked = platform
    ? lock.image.platforms[platform]
    : platforms.length === 1
      ? only?.[1]
      : undefined;
  const { tag: _, ...untagged } = reference;
  return locked ? { ...untagged, digest: locked.base } : reference;
}
