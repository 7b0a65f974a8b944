/** One way to authenticate that a server offers (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** Names in lower case; the first of two with one name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

// RFC 9110 §5.6.2: token; §11.2: token68; §5.6.4: quoted-string.
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const quoted = /"((?:[^"\\]|\\.)*)"/sy;
const spaces = /[ \t]+/y;
const separator = /[ \t]*(?:,[ \t]*)*/y;
const equals = /[ \t]*=[ \t]*/y;

/**
 * Parses `WWW-Authenticate`, which may hold several challenges in one line and come in several lines. What follows
 * malformed text is left out, and what stood before it is kept: a server may offer schemes that we know nothing of.
 */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const lines = header === undefined ? [] : typeof header === "string" ? [header] : header;
  return lines.flatMap(parseLine);
}

function parseLine(line: string): Challenge[] {
  const challenges: Challenge[] = [];
  let position = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(line);
    if (match === null) return undefined;
    position = pattern.lastIndex;
    return match[1] ?? match[0];
  };

  for (;;) {
    take(separator);
    const scheme = take(token);
    if (scheme === undefined) return challenges;
    const parameters = new Map<string, string>();
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    // "Negotiate abc==": a lone value in place of parameters. No scheme that registries use has it.
    if (take(spaces) === undefined || take(token68) !== undefined) continue;
    for (;;) {
      const before = position;
      take(separator);
      const name = take(token);
      if (name === undefined) return challenges;
      if (take(equals) === undefined) {
        // Not a parameter, so the scheme of the next challenge.
        position = before;
        break;
      }
      const value = take(quoted)?.replaceAll(/\\(.)/gs, "$1") ?? take(token);
      if (value === undefined) return challenges;
      if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
    }
  }
}
