import type { CanonicalValue } from "../../files/canonical.ts";
import { requireCleanText, show } from "../argument.ts";
import { DefinitionError } from "../error.ts";

/** What the image's config says about the image, for people and programs that look at it. */
export interface LabelsLayer {
  readonly kind: "labels";
  readonly labels: Readonly<Record<string, string>>;
}

const call = "withLabels";

export function labelsLayer(labels: unknown): LabelsLayer {
  if (typeof labels !== "object" || labels === null || Array.isArray(labels)) {
    throw new DefinitionError(
      `${call}: the labels are ${show(labels)}.`,
      'Give an object: { "org.opencontainers.image.source": "https://…" }.',
    );
  }
  const entries = Object.entries(labels).map(([name, value]: [string, unknown]) => {
    if (name === "") {
      throw new DefinitionError(`${call}: a label has no name.`, "Give it one, or leave it out.");
    }
    requireCleanText(name, `${call}: the name of a label`);
    return [name, requireCleanText(value, `${call}: the value of ${show(name)}`)];
  });
  return { kind: "labels", labels: Object.fromEntries(entries) as Record<string, string> };
}

export function encodeLabels({ labels }: LabelsLayer): CanonicalValue {
  return { labels };
}
