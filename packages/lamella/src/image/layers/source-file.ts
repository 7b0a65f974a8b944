import { basename } from "node:path";
import type { CanonicalValue } from "../../files/canonical.ts";
import type { SlicedWork } from "../../files/sliced-work.ts";
import { filesWork, type NamedFile } from "../../files/tree.ts";
import { requirePath, show } from "../argument.ts";
import { DefinitionError, type Problem } from "../error.ts";
import { isIgnored } from "../ignore-file.ts";
import { normalizeImagePath, requireImagePath } from "../image-path.ts";
import { present } from "../present.ts";
import { type LayerContext, onThisMachine } from "./layer-context.ts";
import { worldProblems } from "./world.ts";

/** Files of this machine, copied. */
export interface SourceFileLayer {
  readonly kind: "source-file";
  /** At least one; each absolute, or relative to the definition's root. No two have one name. */
  readonly sources: readonly string[];
  /** In the image; absent for the workdir. */
  readonly destination?: string;
}

const call = "withSourceFile";

export function sourceFileLayer(source: unknown, destination: unknown): SourceFileLayer {
  const given: readonly unknown[] = Array.isArray(source) ? source : [source];
  const sources = given.map((each) => requirePath(each, `${call}: the file`));
  const names = new Map<string, string>();
  for (const path of sources) {
    const name = basename(path);
    const twin = names.get(name);
    if (twin !== undefined) {
      throw new DefinitionError(
        `${call}: ${show(twin)} and ${show(path)} would both be ${show(name)} there.`,
        "Copy them with two calls, to two destinations.",
      );
    }
    names.set(name, path);
  }
  return {
    kind: "source-file",
    sources,
    ...present({
      destination:
        destination === undefined
          ? undefined
          : requireImagePath(destination, `${call}: the destination`),
    }),
  };
}

/**
 * Whether the destination says by itself that it is a folder: it ends in a slash or `.`, is left out, or several files go
 * there. Else it is the file's own path, unless there is a folder (as in a Dockerfile's COPY).
 */
export function isFolderByItself({ sources, destination = "." }: SourceFileLayer): boolean {
  return sources.length > 1 || /(^|\/)\.?$/.test(destination);
}

/** The files with their absolute paths here, and their names. */
export function namedSources(
  { sources }: SourceFileLayer,
  context: LayerContext,
): readonly NamedFile[] {
  return sources.map((source) => ({
    path: basename(source),
    absolute: onThisMachine(context, source),
  }));
}

export function* encodeSourceFile(
  layer: SourceFileLayer,
  context: LayerContext,
): SlicedWork<CanonicalValue> {
  const { memo } = context;
  const tree = yield* filesWork(namedSources(layer, context), { memo });
  return {
    destination: normalizeImagePath(layer.destination ?? "."),
    folder: isFolderByItself(layer),
    tree: tree.digest,
  };
}

export function sourceFileProblems(
  layer: SourceFileLayer,
  context: LayerContext,
): readonly Problem[] {
  return namedSources(layer, context).flatMap(({ absolute }) => {
    const problems = worldProblems(absolute, "it names", "file");
    if (problems.length > 0 || !isIgnored(absolute, context)) return problems;
    return [
      {
        message: `it names ${absolute}, which ${context.ignoreFile} leaves out.`,
        hint: "Take the rule away that ignores it, or add an exception for it: !path.",
      },
    ];
  });
}
