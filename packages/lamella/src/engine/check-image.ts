import { isItsBase } from "../image/uri.ts";
import type { ImageRequest } from "./image-request.ts";
import { checkEnvironment } from "./resolve/check-environment.ts";
import { findBase } from "./resolve/find-base.ts";
import { findSecrets } from "./secrets/find-secrets.ts";
import type { Session } from "./session.ts";
import { together } from "./together.ts";

/**
 * Raises what a build would because of a definition's base, variables and secrets. A build of several images asks this of
 * all of them first: what cannot be built should not be found out when half of them are pushed.
 */
export async function checkImage(request: ImageRequest, session: Session): Promise<void> {
  const { definition, platforms = [undefined], options } = request;
  if (isItsBase(definition)) return;
  await findSecrets(definition, { sources: options.secrets ?? [], env: session.env });
  const bases = await together(
    session,
    platforms.map((platform) => findBase(request, platform, session)),
  );
  for (const base of bases) checkEnvironment(definition, base);
}
