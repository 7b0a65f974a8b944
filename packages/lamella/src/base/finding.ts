import type { Attributes } from "./attributes.ts";

/**
 * What the outline reads out of the content of a few files, while a layer streams by. Plain data, since what one layer
 * has is remembered by its diff ID.
 */
export type Finding =
  /** One of the account files (passwd(5), group(5), shadow(5), gshadow(5)), which users are added to. */
  | ({ readonly kind: "account"; readonly text: string } & Attributes)
  /** `pyvenv.cfg`: the mark of a virtual environment (PEP 405). */
  | { readonly kind: "venv"; readonly text: string }
  /** `METADATA` or `PKG-INFO` of an installed distribution. */
  | { readonly kind: "metadata"; readonly name: string; readonly version: string }
  /** `RECORD`: the rows' paths as they are written there. */
  | { readonly kind: "record"; readonly paths: readonly string[] }
  /** All Python versions that an interpreter's binary names; the one of its own minor version is its own. */
  | { readonly kind: "python"; readonly versions: readonly string[] }
  | {
      readonly kind: "libc";
      readonly family: "glibc" | "musl";
      readonly major: number;
      readonly minor: number;
    };
