import { join } from "node:path";
import type { StepMount } from "../../execution/step-mount.ts";
import { readRegularFile } from "../../files/regular-file.ts";
import {
  type NamedCredentials,
  type RepositorySource,
  variableIn,
} from "../../python/package-source.ts";
import { RepositoryError } from "../../python/resolution-error.ts";
import type { BuildRequirementOptions } from "../../python/source-builder.ts";
import { secretText } from "../secrets/find-secrets.ts";
import type { SourceAccess } from "./built-requirement.ts";

/** Lines of git that its error has. */
const shownLines = 10;

/** Where git writes to in the sandbox. */
const folder = "/run/lamella/repository";

/**
 * Fetches the repository `$1` at the reference `$2`, if there is one, and names the commit. `$3` is an origin, and `$4` a
 * credential helper for it alone: neither another host, to which a submodule or a redirection may lead, nor any file gets
 * to know a secret. Like pip, it fetches files only where they are checked out, but all commits and tags, which
 * versions are often made of.
 */
const script = `
set -eu
[ -z "$4" ] || git config --global "credential.$3.helper" "$4"
cd ${folder}
git init --quiet checkout
cd checkout
git remote add origin "$1"
git fetch --quiet --tags --filter=blob:none origin '+refs/heads/*:refs/remotes/origin/*'
commit=
if [ -n "$2" ]; then
  for name in "refs/remotes/origin/$2" "refs/tags/$2" "$2"; do
    commit=$(git rev-parse --quiet --verify "$name^{commit}") && break
  done
fi
if [ -z "$commit" ]; then
  git fetch --quiet --filter=blob:none origin "\${2:-HEAD}"
  commit=$(git rev-parse --verify 'FETCH_HEAD^{commit}')
fi
git -c advice.detachedHead=false checkout --quiet --detach "$commit"
git submodule --quiet update --init --recursive
printf %s "$commit" >../commit
`.trim();

/**
 * Fetches a repository into a new folder of ours, as `checkout`, and gives the commit. git runs in the sandbox, with the
 * secrets of the requirement's call; what is built from it is never run with them. Raises RepositoryError.
 */
export async function fetchRepository(
  source: Omit<RepositorySource, "reference"> & { readonly reference: string | undefined },
  path: string,
  { secrets = new Map() }: BuildRequirementOptions,
  { workbench, secrets: values }: SourceAccess,
): Promise<string> {
  const { url, credentials, reference = "" } = source;
  const env: Record<string, string> = {};
  if (credentials) {
    const known = await values();
    for (const part of [credentials.user, credentials.password ?? ""]) {
      const variable = variableIn(part);
      if (variable === undefined) continue;
      const id = secrets.get(variable);
      const value = id === undefined ? undefined : known.get(id);
      if (id === undefined || !value) throw new RangeError(`No secret is in $${variable}.`);
      env[variable] = secretText(value, id);
    }
  }
  const { origin } = new URL(url);
  const helper = credentials ? credentialHelper(credentials) : "";
  const args = ["/bin/sh", "-c", script, "git", url, reference, origin, helper];
  const mounts: StepMount[] = [{ kind: "output", path, destination: folder }];
  const variables = {
    ...env,
    HOME: "/root",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: "https:http",
  };
  return await workbench.session.journal.task("execute", `fetch ${url}`, async (task) => {
    const { code, stderr } = await workbench.run({ args, env: variables, mounts }, task);
    if (code !== 0) throw unreadable(source, stderr);
    return (await readRegularFile(join(path, "commit"), 64)).toString("latin1");
  });
}

/** Says user and password when git asks (gitcredentials(7)); it has the names of variables in it, and no values. */
function credentialHelper({ user, password = "" }: NamedCredentials): string {
  const [username, secret] = [user, password].map((part) =>
    variableIn(part) === undefined ? `'${part}'` : `"${part}"`,
  );
  return `!f() { test "$1" != get || printf 'username=%s\\npassword=%s\\n' ${username} ${secret}; }; f`;
}

function unreadable(
  {
    url,
    reference,
    credentials,
  }: {
    readonly url: string;
    readonly reference: string | undefined;
    readonly credentials?: NamedCredentials;
  },
  stderr: string,
): RepositoryError {
  const lines = stderr.trim().split("\n").slice(-shownLines).join("\n");
  const what = `The repository ${url} could not be read:\n${lines}`;
  if (/Authentication failed|could not read (?:Username|Password)|40[13]/.test(stderr)) {
    return new RepositoryError(
      what,
      credentials
        ? "Look whether the secret is the right one, and what it may read."
        : "If it is a private one, name a secret in its address, git+https://$TOKEN@HOST/PATH, and give that to the call: secretMounts.",
    );
  }
  if (reference && /couldn't find remote ref|not our ref/.test(stderr)) {
    return new RepositoryError(
      what,
      `Look whether ${reference} is a branch, a tag or a commit there.`,
    );
  }
  return new RepositoryError(what, "Check the address, the network and the proxy.");
}
