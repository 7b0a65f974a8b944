import { readFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import {
  type Application,
  ArgumentScannerError,
  buildApplication,
  buildRouteMap,
  formatMessageForArgumentScannerError,
  text_en,
} from "@stricli/core";

import { LamellaError } from "../error.ts";
import { base } from "./commands/base-bootstrap.ts";
import { build } from "./commands/build.ts";
import { config } from "./commands/config.ts";
import { defaultImage } from "./commands/default-image.ts";
import { diff } from "./commands/diff.ts";
import { id } from "./commands/id.ts";
import { images } from "./commands/images.ts";
import { lock } from "./commands/lock.ts";
import { plan } from "./commands/plan.ts";
import { prune } from "./commands/prune.ts";
import { run } from "./commands/run.ts";
import type { CliContext } from "./context.ts";
import { InterruptedError, UsageError } from "./error.ts";
import { type ErrorReportOptions, errorReport } from "./error-report.ts";
import { exitCode } from "./exit-code.ts";

const description = `Container images for Python, data and ML work: defined in TypeScript, one layer per package, no Docker daemon.

EXAMPLES
  lamella build image.ts                    Build what image.ts defines, and push it
  lamella run image.ts -- python train.py   Run a command in it
  lamella plan image.ts                     See what would be built
  lamella lock image.ts                     Pin every package and the base

  // image.ts
  import { Image } from "lamella";
  export default Image.fromDebianBase({
    pythonVersion: "3.12",
    installFlyte: false,
    registry: "ghcr.io/acme",
    name: "trainer",
  })
    .withPipPackages("torch", "pandas")
    .withSourceFolder("./src", "/app");

EXIT CODES
  ${exitCode.success} done; ${exitCode.failure} failed; ${exitCode.usage} wrong command line; ${exitCode.interrupted} interrupted (Ctrl-C), ${exitCode.terminated} terminated; \`run\`: the command's own`;

/** The command line of `lamella`; `inputs` is what it is about to read. What a command does is loaded when it is run. */
export function createApplication(
  inputs: readonly string[],
  errors: ErrorReportOptions,
): Application<CliContext> {
  const report = (error: unknown): string => errorReport(error, errors);
  return buildApplication(
    buildRouteMap({
      routes: { build, run, plan, lock, id, diff, prune, base, config, images, defaultImage },
      docs: { brief: "Container images without a daemon", fullDescription: description },
    }),
    {
      name: "lamella",
      versionInfo: { getCurrentVersion: readVersion },
      scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
      documentation: { disableAnsiColor: true, onlyRequiredInUsageLine: true },
      localization: {
        text: {
          ...text_en,
          briefs: {
            ...text_en.briefs,
            help: "Show this help",
            version: "Show the version",
            argumentEscapeSequence: "What follows is no option",
          },
          exceptionWhileParsingArguments: (error) => report(usageError(error, inputs)),
          noCommandRegisteredForInput: ({ input, corrections }) =>
            report(unknownCommand(input, corrections)),
          exceptionWhileRunningCommand: report,
          exceptionWhileLoadingCommandFunction: report,
          commandErrorResult: report,
        },
      },
      determineExitCode: exitCodeOf,
    },
  );
}

function usageError(error: unknown, inputs: readonly string[]): UsageError {
  if (!(error instanceof ArgumentScannerError))
    return new UsageError(String(error), seeHelp, { cause: error });
  let unknownOption = false;
  const message = formatMessageForArgumentScannerError(error, {
    AliasNotFoundError: ({ input }) => {
      unknownOption = true;
      return `There is no option -${input}.`;
    },
    FlagNotFoundError: ({ input, corrections }) => {
      unknownOption = true;
      const guesses = corrections.map((name) => `--${name}`);
      const guess = guesses.length > 0 ? ` Did you mean ${guesses.join(" or ")}?` : "";
      return `There is no option --${input}.${guess}`;
    },
    ArgumentParseError: ({ externalFlagNameOrPlaceholder: name, input, exception }) => {
      const why = exception instanceof Error ? exception.message : String(exception);
      const way = exception instanceof LamellaError ? ` ${exception.hint}` : "";
      // Somebody may have given the secret itself.
      if (name === "secret") return `--secret: ${why}${way}`;
      return `${name} cannot be ${JSON.stringify(input)}: ${why}${way}`;
    },
  });
  const forgetsDashes = unknownOption && inputs[0] === "run" && !inputs.includes("--");
  const hint = forgetsDashes
    ? `What is for the command in the image goes behind --, as in: lamella run image.ts -- python -V\n${seeHelp}`
    : seeHelp;
  return new UsageError(message, hint, { cause: error });
}

function unknownCommand(input: string, corrections: readonly string[]): UsageError {
  const guess =
    corrections.length > 0 ? ` Did you mean ${corrections.join(" or ").replaceAll("`", "")}?` : "";
  return new UsageError(`There is no command ${input}.${guess}`, seeHelp);
}

const seeHelp = "See lamella --help, or --help after a command.";

async function readVersion(): Promise<string> {
  const path = findPackageJSON("..", import.meta.url);
  if (path === undefined) throw new Error("Lamella's own package.json is not there.");
  const { version } = JSON.parse(await readFile(path, "utf8")) as { readonly version: string };
  return version;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError) return error.exitCode;
  if (error instanceof UsageError) return exitCode.usage;
  return exitCode.failure;
}
