import type { CanonicalValue } from "../../files/canonical.ts";
import { requireAbsoluteImagePath } from "../image-path.ts";

/** The working directory, for the layers that follow and for what runs in the image. */
export interface WorkdirLayer {
  readonly kind: "workdir";
  /** Absolute. */
  readonly path: string;
}

export function workdirLayer(path: unknown): WorkdirLayer {
  return { kind: "workdir", path: requireAbsoluteImagePath(path, "withWorkdir: the path") };
}

export function encodeWorkdir({ path }: WorkdirLayer): CanonicalValue {
  return { path };
}
