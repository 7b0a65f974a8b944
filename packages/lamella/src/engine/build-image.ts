import { availableParallelism } from "node:os";
import type { Digest } from "../files/digest.ts";
import { parseReference } from "../image/reference.ts";
import { isItsBase } from "../image/uri.ts";
import { assemble } from "./assemble.ts";
import { checkCacheDestination, exportCache } from "./cache/export-cache.ts";
import { exportKnown } from "./cache/export-known.ts";
import { TagTakenError } from "./error.ts";
import { Executions } from "./execute/executions.ts";
import { keepSeenImage } from "./export/stored-image.ts";
import { allDocuments, type ExistingImage, rootDocument, type Target } from "./export/target.ts";
import type { ImageRequest } from "./image-request.ts";
import type { Journal } from "./journal.ts";
import { Delivery } from "./materialize/delivery.ts";
import { LayerPool } from "./materialize/layer-pool.ts";
import type { Workshop } from "./materialize/make-step.ts";
import { materialize } from "./materialize/materialize.ts";
import { WheelShelf } from "./materialize/wheel-shelf.ts";
import { resolveImage } from "./resolve/resolve-image.ts";
import type { BuildResult, PlatformResult } from "./result.ts";
import { findSecrets, type SecretValues } from "./secrets/find-secrets.ts";
import { shortestSecret } from "./secrets/redactor.ts";
import type { Session } from "./session.ts";
import { together } from "./together.ts";

/** A tag that is meant to move: it is built whatever it refers to, and taken over. */
const movingTag = "latest";

/**
 * The pipeline: resolve, materialize, assemble, export, and what was found out to a cache. The tags are written last, so
 * an image is at the target whole or not at all. Nothing is built when the image's tag is there for all wanted platforms,
 * unless `force` or `upgrade` asks for it. Raises TagTakenError for a chosen tag that is another image, unless `force` is
 * given (`latest` is meant to move), and MissingSecretError before anything runs.
 */
export async function buildImage(
  request: ImageRequest,
  target: Target,
  session: Session,
): Promise<BuildResult> {
  const { journal } = session;
  const { uri, identifier, tags } = request;
  journal.write({ kind: "started", identifier, uri });
  const isBase = isItsBase(request.definition);
  const found = isBase ? [] : await findTags(request, target);
  const built = isBase ? await findBaseItself(request, session) : findBuilt(request, found);
  // A lock that is to be held to is looked at, also where the image is there already.
  if (built && request.options.locked) await resolveImage(request, session);
  if (built && !isBase) await exportKnown(request, built.digest, target, session);
  const { digest, platforms } = built ?? (await build(request, target, session));
  // Of a layer that several platforms have, once.
  const delivered = new Map(
    platforms.flatMap(({ layers }) => layers.map((layer) => [layer.digest, layer])),
  );
  return {
    uri,
    digest,
    identifier,
    target: target.kind,
    upToDate: built !== undefined,
    ...(request.options.upgrade && found[0] && { previous: found[0].digest }),
    tags,
    platforms,
    uploaded: [...delivered.values()].reduce(
      (sum, { delivery, size }) => sum + (delivery === "uploaded" ? size : 0),
      0,
    ),
    milliseconds: journal.elapsed,
  };
}

interface Outcome {
  readonly digest: Digest;
  /** Empty when nothing was built. */
  readonly platforms: readonly PlatformResult[];
}

/** An image that is its base and nothing else: there is nothing to build. Raises RegistryNotFoundError. */
async function findBaseItself(
  { base }: ImageRequest,
  { client, signal }: Session,
): Promise<Outcome> {
  const named = base.digest ?? base.tag ?? "latest";
  const { descriptor } = await client.repository(base).manifest(named, { signal });
  return { digest: descriptor.digest, platforms: [] };
}

/** What the image's tags refer to, in their order. Raises TagTakenError. */
async function findTags(
  request: ImageRequest,
  target: Target,
): Promise<readonly (ExistingImage | undefined)[]> {
  const { force, upgrade } = request.options;
  if (!upgrade && (force || request.tags[0] === movingTag)) return [];
  const found = await Promise.all(
    request.tags.map((tag) => target.existing(tag, request.platforms)),
  );
  if (force) return found;
  for (const [index, tag] of request.tags.entries()) checkTag(request, tag, index, found[index]);
  return found;
}

/** What there is of the image, if it is this one already under all tags and for all platforms. */
function findBuilt(
  { options: { force, upgrade }, tags }: ImageRequest,
  found: readonly (ExistingImage | undefined)[],
): Outcome | undefined {
  const [own] = found;
  if (force || upgrade || tags[0] === movingTag || !own) return undefined;
  const complete = found.every((one) => one?.digest === own.digest);
  return complete ? { digest: own.digest, platforms: [] } : undefined;
}

/** A tag that somebody chose keeps what it refers to, unless it is this image. The tag of the identifier can be no other. */
function checkTag(
  { identifier, tagIsIdentifier, uri }: ImageRequest,
  tag: string,
  index: number,
  found: ExistingImage | undefined,
): void {
  if (!found || found.identifier === identifier || tag === movingTag) return;
  if (index === 0 && tagIsIdentifier) return;
  throw new TagTakenError(
    `${uri.slice(0, uri.lastIndexOf(":"))}:${tag} is there already, and is another image (${found.digest}).`,
    "Choose another tag, leave the tag away to get one from the image's content, or overwrite it: --force.",
  );
}

async function build(request: ImageRequest, target: Target, session: Session): Promise<Outcome> {
  const { journal, store, signal } = session;
  await using pool = new LayerPool(store, availableParallelism(), signal);
  const secrets = await findSecrets(request.definition, {
    sources: request.options.secrets ?? [],
    env: session.env,
  });
  keepOut(secrets, journal);
  const [prepared] = await together(session, [
    resolveImage(request, session),
    checkCacheDestination(session),
  ]);
  for (const { plan } of prepared) journal.write({ kind: "planned", plan });
  const { upgrade = false } = request.options;
  await using shelf = new WheelShelf(session);
  const delivery = new Delivery(target, session);
  const workshop: Workshop = { target, pool, shelf, begun: new Map(), delivery, session };
  const platforms = await together(
    session,
    prepared.map(async (one) => {
      const executions = new Executions(
        one.base,
        { secrets, upgrade, limits: session.config.steps },
        session,
      );
      return await materialize(one, workshop, executions);
    }),
  );
  const documents = assemble(platforms);
  const root = rootDocument(documents);
  await journal.task("publish", request.tags.join(", "), () =>
    target.publish(documents, request.tags),
  );
  if (target.kind === "registry") {
    // It can then be run while the registry does not answer.
    await keepSeenImage(store, parseReference(request.uri), {
      root: root.descriptor,
      contents: allDocuments(documents).map(({ bytes }) => bytes),
    });
  }
  const delivered = platforms.flatMap(({ layers }) => layers);
  await exportCache(delivered, target, session);
  return {
    digest: root.descriptor.digest,
    platforms: platforms.map(({ prepared: { plan }, layers }, index) => ({
      platform: plan.platform,
      digest: documents.manifests[index]?.descriptor.digest ?? root.descriptor.digest,
      layers: layers.map(({ report }) => report),
    })),
  };
}

/** Has secrets taken out of all that is said from now on. Raises a warning for those that are too short for that. */
function keepOut(secrets: SecretValues, journal: Journal): void {
  for (const [id, value] of secrets) {
    journal.redactor.add(value);
    if (value.length >= shortestSecret) continue;
    journal.warn(
      "secret-short",
      `The secret ${id} has fewer than ${shortestSecret} characters: it is not taken out of what commands write.`,
    );
  }
}
