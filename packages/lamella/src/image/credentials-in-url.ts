import { DefinitionError } from "./error.ts";

/** The scheme of a URL, and what stands before the `@` of its authority (RFC 3986 §3.2.1). */
const userinfo = /([a-z][a-z0-9+.-]*):\/\/([^/?#\s]*)@/gi;
/** `$NAME` or `${NAME}`: the value of a secret, put in only where the URL is fetched. */
const variable = /^(\$[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\})$/;

/**
 * Refuses a URL that holds a password, or a token in the place of the user's name. What a definition says ends up in
 * plans, logs and locks; a secret's name may stand there (`https://$TOKEN@host/`), its value may not.
 */
export function refuseCredentials(text: string, what: string, hint: string): void {
  for (const [, scheme = "", given = ""] of text.matchAll(userinfo)) {
    if (!isSecret(scheme, given)) continue;
    throw new DefinitionError(
      `${what} holds credentials: ${text.replace(userinfo, "$1://***@")}.`,
      hint,
    );
  }
}

function isSecret(scheme: string, given: string): boolean {
  const colon = given.indexOf(":");
  const user = colon < 0 ? given : given.slice(0, colon);
  const password = colon < 0 ? "" : given.slice(colon + 1);
  if (password !== "") return !variable.test(password);
  // Over SSH a name alone is no secret (`git@`); over HTTP it is often a token.
  return user !== "" && !variable.test(user) && /https?$/i.test(scheme);
}
