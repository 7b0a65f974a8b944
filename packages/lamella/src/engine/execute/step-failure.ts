import type { StepFailedError } from "../../execution/error.ts";
import { AptPackageNotFoundError, CommandFailedError, NoAptError } from "../error.ts";
import type { ExecuteStep } from "../plan.ts";
import { noSources } from "../resolve/apt-command.ts";

/** Lines of a command's output that its error has. */
const shownLines = 20;

/** What apt-get says of a package that it does not find (apt, `apt-private/private-cacheset.cc`). */
const aptComplaints: readonly RegExp[] = [
  /^E: Unable to locate package (?<name>\S+)/,
  /^E: Package '(?<name>[^']+)' has no installation candidate/,
  /^E: Version '(?<version>[^']+)' for '(?<name>[^']+)' was not found/,
  /^E: Release '(?<release>[^']+)' for '(?<name>[^']+)' was not found/,
];

/**
 * Why a step failed, for people. `lines` are the last that it wrote, without secrets: the runtime's own error has them with
 * secrets, and is no cause of this one.
 */
export function stepFailure(
  { purpose, title, command }: Pick<ExecuteStep, "purpose" | "title" | "command">,
  { exitCode }: StepFailedError,
  lines: readonly string[],
): Error {
  if (purpose === "apt") {
    const missing = missingPackages(lines);
    if (missing.length > 0 && lines.includes(noSources)) {
      return new NoAptError(
        "The base names no archives that Debian packages come from.",
        "Name them in it: withSourceFile to /etc/apt/sources.list.d/, below the packages; or bootstrap it with --apt-sources.",
      );
    }
    if (missing.length > 0) {
      const names = missing.join(", ");
      return new AptPackageNotFoundError(
        missing,
        missing.length === 1
          ? `There is no Debian package ${names} in the base's archives.`
          : `There are no Debian packages ${names} in the base's archives.`,
        "Look for its name in the base's release (apt-cache search), or add the archive that has it by withCommands.",
      );
    }
    if (exitCode === 127 && lines.some((line) => /apt-get: (?:command )?not found/.test(line))) {
      return new NoAptError(
        "The base has no apt-get, and the image has Debian packages.",
        "Start from Debian or Ubuntu, or use withCommands with the base's own package manager.",
      );
    }
  }
  const shown = purpose === "apt" ? title : (command.at(-1) ?? title);
  return new CommandFailedError(shown, exitCode, lines.slice(-shownLines), hintOf(exitCode, lines));
}

function missingPackages(lines: readonly string[]): string[] {
  const names = lines.flatMap((line) => {
    for (const complaint of aptComplaints) {
      const { name, version, release } = complaint.exec(line)?.groups ?? {};
      if (name === undefined) continue;
      if (version !== undefined) return [`${name}=${version}`];
      return [release === undefined ? name : `${name}/${release}`];
    }
    return [];
  });
  return [...new Set(names)];
}

function hintOf(exitCode: number, lines: readonly string[]): string {
  if (exitCode === 127) return "The shell did not find a program: install it in a layer below.";
  if (exitCode === 137) return "It was killed: most likely it needed more memory than there is.";
  const above = lines.length > 0 ? "Its last lines are above." : "It wrote nothing.";
  return `${above} Each command runs by itself, as root, in the workdir at that point.`;
}
