import { LamellaError } from "../error.ts";

/** An explicit tag that is there, and is another image than the one that is asked for. */
export class TagTakenError extends LamellaError {
  readonly code = "tag-taken";
}

/** A text that no registry takes as a tag. */
export class InvalidTagError extends LamellaError {
  readonly code = "tag-invalid";
}

/** A push was asked for, and nothing says where to. */
export class NoRegistryError extends LamellaError {
  readonly code = "registry-missing";
}

/** The file of a lock is that of another definition, whose image has the same name. */
export class LockTakenError extends LamellaError {
  readonly code = "lock-taken";
}

/** An image without Python packages has nothing that a lock could hold. */
export class NothingToLockError extends LamellaError {
  readonly code = "lock-nothing";
}
