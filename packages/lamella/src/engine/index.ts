/** The stages of a build, for builders of one's own: request, resolve, materialize and export. */
export { Build } from "./build.ts";
export { buildImage } from "./build-image.ts";
export type { BuildEvent, Task, TaskKind, TaskOutcome } from "./event.ts";
export { openTarget } from "./export/open-target.ts";
export type { Target } from "./export/target.ts";
export { type ImageRequest, type RequestOptions, requestImage } from "./image-request.ts";
export { Journal, type RunningTask } from "./journal.ts";
export { lockImage, type WrittenLock } from "./lock-image.ts";
export type * from "./plan.ts";
export type { PreparedPlan } from "./resolve/prepared-plan.ts";
export { resolveImage } from "./resolve/resolve-image.ts";
export type * from "./result.ts";
export { openSession, type Session } from "./session.ts";
