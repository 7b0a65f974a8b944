import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import { canonicalDigest } from "../../files/canonical.ts";
import { formatRepository, type RepositorySource } from "../../python/package-source.ts";
import type { SourceRequirement } from "../../python/requirements.ts";
import type { BuildRequirementOptions, BuiltSource } from "../../python/source-builder.ts";
import type { SourceAccess } from "./built-requirement.ts";
import { builtWheel } from "./built-wheel.ts";
import { fetchRepository } from "./fetch-repository.ts";
import { placedFolder } from "./wheel-source.ts";

/** A commit's name, SHA-1 or SHA-256. */
const commitName = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * The wheel of a project in a repository. What a reference means is found out once, and is the same until `upgrade`;
 * where the commit was built before, nothing is fetched. Raises RepositoryError and PackageBuildError.
 */
export async function builtRepository(
  { name, source }: { readonly name: SourceRequirement["name"]; readonly source: RepositorySource },
  options: BuildRequirementOptions,
  access: SourceAccess,
): Promise<BuiltSource> {
  const { workbench } = access;
  const { store } = workbench.session;
  const { url, reference, subdirectory } = source;
  const key = canonicalDigest(["lamella.repository-commit", { url, reference }]);
  await using scratch = await store.scratch("repository");
  let fetched: string | undefined;
  const fetch = async (wanted: string | undefined): Promise<string> => {
    fetched = join(scratch.path, "fetched");
    await mkdir(fetched);
    return await fetchRepository({ ...source, reference: wanted }, fetched, options, access);
  };
  const remembered = options.upgrade
    ? undefined
    : (options.commit ??
      (await store.memos.get("repository-commit", key, (value) =>
        z.parse(z.string().check(z.regex(commitName)), value),
      )));
  const isCommit = reference !== undefined && commitName.test(reference);
  const commit = isCommit ? reference : (remembered ?? (await fetch(reference)));
  await store.memos.put("repository-commit", key, commit);
  const wheel = await builtWheel(
    {
      title: `${formatRepository({ kind: "repository", url })} at ${commit.slice(0, 12)}`,
      name,
      identity: { url, commit, subdirectory },
      place: async () => {
        if (fetched === undefined) await fetch(commit);
        return placedFolder(join(scratch.path, "fetched", "checkout"), subdirectory);
      },
    },
    workbench,
  );
  return {
    wheel,
    source: {
      kind: "repository",
      url,
      ...(reference !== undefined && { reference }),
      ...(subdirectory !== undefined && { subdirectory }),
      commit,
    },
  };
}
