import type { CanonicalValue } from "../../files/canonical.ts";
import { requireBoolean, requireText, requireTextList } from "../argument.ts";
import { refuseCredentials } from "../credentials-in-url.ts";
import { present } from "../present.ts";

/** Where Python packages come from and which of their releases are taken: options of all layers that install some. */
export interface PythonIndexOptions {
  /** The package index, instead of the machine's own setting. */
  readonly indexUrl?: string | undefined;
  /** Further indexes. */
  readonly extraIndexUrls?: readonly string[] | undefined;
  /** Takes pre-releases too. */
  readonly pre?: boolean | undefined;
  /** Further arguments for the installer, one a string, as in `["--no-deps"]`. */
  readonly extraArgs?: readonly string[] | undefined;
}

/** {@link PythonIndexOptions} as a layer keeps them. */
export interface PythonIndexSettings {
  readonly indexUrl?: string;
  readonly extraIndexUrls?: readonly string[];
  readonly pre?: boolean;
  readonly extraArgs?: readonly string[];
}

export const pythonIndexOptions = ["indexUrl", "extraIndexUrls", "pre", "extraArgs"] as const;

export function pythonIndexSettings(
  options: { readonly [name in (typeof pythonIndexOptions)[number]]?: unknown },
  call: string,
): PythonIndexSettings {
  const { indexUrl, extraIndexUrls, pre, extraArgs } = options;
  return present({
    indexUrl: indexUrl === undefined ? undefined : requireIndexUrl(indexUrl, `${call}: indexUrl`),
    extraIndexUrls:
      extraIndexUrls === undefined
        ? undefined
        : requireTextList(extraIndexUrls, `${call}: extraIndexUrls`, `${call}: an index`).map(
            (url) => requireIndexUrl(url, `${call}: an index`),
          ),
    pre: pre === undefined ? undefined : requireBoolean(pre, `${call}: pre`),
    extraArgs:
      extraArgs === undefined
        ? undefined
        : requireTextList(extraArgs, `${call}: extraArgs`, `${call}: an extra argument`).map(
            (argument) => withoutCredentials(argument, `${call}: an extra argument`),
          ),
  });
}

export function encodePythonIndex(settings: PythonIndexSettings): CanonicalValue {
  const { indexUrl, extraIndexUrls, pre, extraArgs } = settings;
  // Leaving an option out and giving what it is anyway are the same image.
  return {
    indexUrl,
    extraIndexUrls: extraIndexUrls?.length === 0 ? undefined : extraIndexUrls,
    pre: pre === true ? pre : undefined,
    extraArgs: extraArgs?.length === 0 ? undefined : extraArgs,
  };
}

function requireIndexUrl(value: unknown, what: string): string {
  return withoutCredentials(requireText(value, what), what);
}

function withoutCredentials(text: string, what: string): string {
  refuseCredentials(
    text,
    what,
    "Take them out: they are found by the index's address in UV_INDEX_*, netrc or the keyring.",
  );
  return text;
}
