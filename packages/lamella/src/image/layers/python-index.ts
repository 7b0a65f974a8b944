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
}

/** {@link PythonIndexOptions} as a layer keeps them. */
export interface PythonIndexSettings {
  readonly indexUrl?: string;
  readonly extraIndexUrls?: readonly string[];
  readonly pre?: boolean;
}

export const pythonIndexOptions = ["indexUrl", "extraIndexUrls", "pre"] as const;

export function pythonIndexSettings(
  options: { readonly [name in (typeof pythonIndexOptions)[number]]?: unknown },
  call: string,
): PythonIndexSettings {
  const { indexUrl, extraIndexUrls, pre } = options;
  return present({
    indexUrl: indexUrl === undefined ? undefined : requireIndexUrl(indexUrl, `${call}: indexUrl`),
    extraIndexUrls:
      extraIndexUrls === undefined
        ? undefined
        : requireTextList(extraIndexUrls, `${call}: extraIndexUrls`, `${call}: an index`).map(
            (url) => requireIndexUrl(url, `${call}: an index`),
          ),
    pre: pre === undefined ? undefined : requireBoolean(pre, `${call}: pre`),
  });
}

export function encodePythonIndex(settings: PythonIndexSettings): CanonicalValue {
  const { indexUrl, extraIndexUrls, pre } = settings;
  // Leaving an option out and giving what it is anyway are the same image.
  return {
    indexUrl,
    extraIndexUrls: extraIndexUrls?.length === 0 ? undefined : extraIndexUrls,
    pre: pre === true ? pre : undefined,
  };
}

function requireIndexUrl(value: unknown, what: string): string {
  const url = requireText(value, what);
  refuseCredentials(
    url,
    what,
    "Take them out: they are found by the index's address in UV_INDEX_*, netrc or the keyring.",
  );
  return url;
}
