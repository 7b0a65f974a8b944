import { resolve } from "node:path/posix";
import type { ContainerConfig } from "../oci/config.ts";
import { CommandNotFoundError } from "./error.ts";
import type { ProcessUser } from "./user.ts";

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** The process that a container is started for. */
export interface ContainerProcess {
  /** Program and arguments; a program without a slash is looked for in the PATH of `env`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path in the image. */
  readonly workdir: string;
  readonly user: ProcessUser;
  /** Of the terminal of its own, if it gets one. */
  readonly terminal?: TerminalSize | undefined;
}

export interface ContainerProcessOptions {
  readonly command?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly workdir?: string | undefined;
  readonly user: ProcessUser;
  readonly terminal?: TerminalSize | undefined;
}

/** Where programs are in an image that does not say (Docker's default). */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The process by an image's config and what the caller wants instead, as `docker run` has it: a command takes the place
 * of `Cmd` and follows the `Entrypoint`; a relative working directory is within the image's. Raises
 * {@link CommandNotFoundError} where nobody names a command.
 */
export function containerProcess(
  config: ContainerConfig,
  options: ContainerProcessOptions,
): ContainerProcess {
  const { command = [], user, terminal } = options;
  const args = [
    ...(config.Entrypoint ?? []),
    ...(command.length > 0 ? command : (config.Cmd ?? [])),
  ];
  if (args.length === 0) {
    throw new CommandNotFoundError(
      "The image names no command, and none was given.",
      "Give one behind --, as in: lamella run image.ts -- python",
    );
  }
  const env: Record<string, string> = {
    PATH: defaultPath,
    HOME: user.home === undefined || user.home === "" ? "/" : user.home,
    ...(terminal && { TERM: "xterm" }),
    ...parseEnv(config.Env ?? []),
    ...options.env,
  };
  const workdir = resolve("/", config.WorkingDir ?? "", options.workdir ?? "");
  return { args, env, workdir, user, ...(terminal && { terminal }) };
}

function parseEnv(variables: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    variables.flatMap((variable) => {
      const equals = variable.indexOf("=");
      return equals > 0 ? [[variable.slice(0, equals), variable.slice(equals + 1)]] : [];
    }),
  );
}
