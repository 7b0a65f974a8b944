import type { BuildEvent } from "../../engine/event.ts";
import type { OutputStream } from "../terminal/output.ts";

/** Where a rendering goes: what a program may read to stdout, what only people read to stderr. */
export interface RenderTarget {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: NodeJS.ProcessEnv;
  /** Whether the image stays in the local store: then people are not told of pushes, which move nothing. */
  readonly staysLocal?: boolean;
}

/** Shows a build to somebody, event by event. Disposing ends it whether or not the build has ended. */
export interface ProgressRenderer extends Disposable {
  event(event: BuildEvent): void;
}
