import type { CanonicalValue } from "../../files/canonical.ts";
import { requireText, show } from "../argument.ts";
import { DefinitionError } from "../error.ts";

/** Who the image runs as. */
export interface UserLayer {
  readonly kind: "user";
  /** `name`, `uid`, `name:group` or `uid:gid`, as in the image's config. */
  readonly user: string;
}

const call = "withUser";

export function userLayer(user: unknown): UserLayer {
  const text = requireText(user, `${call}: the user`);
  // What the base names its accounts is not known yet; a runtime looks when it starts the image.
  if (!/^[^\s:/]+(:[^\s:/]+)?$/.test(text)) {
    throw new DefinitionError(
      `${call}: ${show(text)} cannot be a user.`,
      'Give a name or a number, and a group if need be: "app", "1000", "1000:1000".',
    );
  }
  return { kind: "user", user: text };
}

export function encodeUser({ user }: UserLayer): CanonicalValue {
  return { user };
}
