import type { PlanOptions } from "../../builders/builder.ts";
import { withOptions } from "../../builders/with-options.ts";
import type { Config } from "../../config/config.ts";
import type { BuildEvent } from "../../engine/event.ts";
import { openTarget } from "../../engine/export/open-target.ts";
import { type ImageRequest, requestImage } from "../../engine/image-request.ts";
import { Journal } from "../../engine/journal.ts";
import { recallPlan } from "../../engine/materialize/recall-plan.ts";
import { resolveImage } from "../../engine/resolve/resolve-image.ts";
import { openSession, type Session } from "../../engine/session.ts";
import { LamellaError } from "../../error.ts";
import type { Digest } from "../../files/digest.ts";
import { isItsBase } from "../../image/uri.ts";
import type { ExportedImage } from "../definition/exported-images.ts";
import { type PlanRecord, planRecord } from "./plan-record.ts";

export interface PlanImageOptions extends PlanOptions {
  readonly config: Config;
  readonly emit: (event: BuildEvent) => void;
}

/**
 * Plans an image, one record a platform, and looks what of it is there already: at its target, in the local store and in
 * the caches that the settings name. All in one session, so that nothing is asked twice. Raises what resolving raises.
 */
export async function planImage(
  { name, image }: ExportedImage,
  { emit, config, ...options }: PlanImageOptions,
  env: NodeJS.ProcessEnv,
): Promise<readonly PlanRecord[]> {
  const journal = new Journal(emit);
  const settings = withOptions(config, options);
  await using session = await openSession(settings, env, journal, options.signal);
  const request = await requestImage(image.definition, options, session);
  const plans = (await resolveImage(request, session)).map(({ plan }) => plan);
  const existing = await existingDigest(request, session);
  const record = { export: name, uri: request.uri, ...(existing && { existing }) };
  return await Promise.all(
    plans.map(async (plan) => planRecord(plan, record, await recallPlan(plan, session.store))),
  );
}

/**
 * What the image's tag refers to where a build would put it, if that is this image and keeps a build from making one. A
 * registry that does not answer is worth a warning.
 */
async function existingDigest(
  request: ImageRequest,
  session: Session,
): Promise<Digest | undefined> {
  const [tag = ""] = request.tags;
  const { identifier, tagIsIdentifier, options } = request;
  // `latest` is meant to move, and an upgrade looks past what is there.
  if (isItsBase(request.definition) || options.upgrade || tag === "latest") return undefined;
  try {
    const target = await openTarget(request, session);
    const found = await target.existing(tag, request.platforms);
    return tagIsIdentifier || found?.identifier === identifier ? found?.digest : undefined;
  } catch (error) {
    session.signal.throwIfAborted();
    if (!(error instanceof LamellaError)) throw error;
    const message = `Whether ${request.uri} is there is not known: ${error.message}`;
    session.journal.warn("tag-unknown", message, error.hint);
    return undefined;
  }
}
