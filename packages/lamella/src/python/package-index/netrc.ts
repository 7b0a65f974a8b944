import { Credentials } from "./credentials.ts";

/**
 * Finds a host's entry in the text of a netrc file. The `default` entry is not used: it would answer for every host
 * that a lock names. `macdef` bodies are skipped to their blank line. A malformed file has what could be read of it.
 */
export function netrcCredentials(text: string, host: string): Credentials | undefined {
  const tokens = withoutMacros(text).match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  let machine: string | undefined;
  let login: string | undefined;
  let password: string | undefined;
  const found = (): Credentials | undefined =>
    machine === host && password !== undefined ? new Credentials(login ?? "", password) : undefined;
  for (let index = 0; index < tokens.length; index++) {
    switch (tokens[index]) {
      case "machine": {
        const complete = found();
        if (complete) return complete;
        machine = value(tokens[++index]);
        login = password = undefined;
        break;
      }
      case "default": {
        const complete = found();
        if (complete) return complete;
        machine = undefined;
        break;
      }
      case "login":
      case "user":
        login = value(tokens[++index]);
        break;
      case "password":
        password = value(tokens[++index]);
        break;
      case "account":
        index++;
        break;
      case undefined:
      default:
    }
  }
  return found();
}

function value(token: string | undefined): string | undefined {
  return token?.startsWith('"') ? token.slice(1, -1).replaceAll(/\\(.)/g, "$1") : token;
}

/** A macro's body ends at the first blank line. */
function withoutMacros(text: string): string {
  let inMacro = false;
  return text
    .split("\n")
    .filter((line) => {
      if (/^\s*macdef\b/.test(line)) inMacro = true;
      else if (line.trim() === "") inMacro = false;
      return !inMacro;
    })
    .join("\n");
}
