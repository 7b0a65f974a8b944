/** What the process says of itself when it ends; part of the CLI's contract, listed in `lamella --help`. */
export const exitCode = {
  success: 0,
  /** The build, or whatever was asked for, failed. */
  failure: 1,
  /** The command line itself is wrong: nothing was tried. */
  usage: 2,
  /** 128 + the signal's number, as shells count. */
  interrupted: 130,
  terminated: 143,
  hangUp: 129,
} as const;
