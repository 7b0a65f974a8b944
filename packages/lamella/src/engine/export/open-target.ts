import { parseReference } from "../../image/reference.ts";
import { imageName } from "../../image/uri.ts";
import { createLayout } from "../../oci/layout.ts";
import { NoRegistryError } from "../error.ts";
import type { ImageRequest } from "../image-request.ts";
import type { Session } from "../session.ts";
import { LayoutTarget } from "./layout-target.ts";
import { RegistryTarget } from "./registry-target.ts";
import { StoreTarget } from "./store-target.ts";
import type { Target } from "./target.ts";

/**
 * Opens the place where an image goes: the layout that the request names; else the image's registry; else the local
 * store. Raises NoRegistryError when a push is asked for and no registry is known, and InvalidLayoutError.
 */
export async function openTarget(
  request: ImageRequest,
  { client, store, signal }: Session,
): Promise<Target> {
  requireRegistry(request);
  const { definition, uri, options } = request;
  if (options.output) return new LayoutTarget(await createLayout(options.output.path), signal);
  if (definition.registry !== undefined) {
    return new RegistryTarget(client.repository(parseReference(uri), { direct: true }), signal);
  }
  return new StoreTarget(store, uri.slice(0, uri.lastIndexOf(":")));
}

/** Raises NoRegistryError when a push is asked for and no registry is known. */
export function requireRegistry({ definition, uri, options }: ImageRequest): void {
  if (!options.push || options.output || definition.registry !== undefined) return;
  const name = imageName(definition) ?? uri;
  throw new NoRegistryError(
    `The image ${name} is to be pushed, and no registry is set.`,
    [
      "Set one of:",
      `- in the definition: { registry: "ghcr.io/acme" }`,
      "- in the environment: FLYTE_IMAGE_REGISTRY=ghcr.io/acme",
      "- in config.yaml: image: { registry: ghcr.io/acme }",
      "Or leave --push away: the image is then built into the local store, where 'lamella run' finds it.",
    ].join("\n"),
  );
}
