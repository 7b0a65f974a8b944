import { parseArgs } from "node:util";
import { BenchError } from "./bench-error.ts";
import type { ContenderName } from "./contender.ts";
import { type Case, cases, withWhatTheyStandOn } from "./measure.ts";
import { type Workload, workloads } from "./workload.ts";

export interface Options {
  readonly help: boolean;
  readonly runs: number;
  readonly workload: Workload;
  readonly cases: ReadonlySet<Case>;
  readonly contenders: readonly ContenderName[];
  /** Both know the base before `cold` begins. */
  readonly baseKnown: boolean;
  /** Shows where Lamella's time goes. */
  readonly profile: boolean;
  /** File that the numbers are written to. */
  readonly json?: string;
}

const contenders = ["lamella", "buildkit"] as const satisfies readonly ContenderName[];

export const help: string = `Measures Lamella against BuildKit. Needs root.

usage: npm run bench -- [options]

  --runs N           rounds, each from nothing (3)
  --packages SET     ${Object.keys(workloads).join(" or ")} (eight)
  --only CASES       ${cases.join(",")}: these, and what they stand on (all)
  --builders NAMES   ${contenders.join(",")} (both)
  --base-known       both have the base already when cold begins
  --profile          shows where the time of Lamella's first cold and add-one goes
  --json FILE        writes all numbers to FILE
`;

/** Parses the command line. Raises BenchError for what it does not know. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parse(args);
  return {
    help: values.help,
    runs: parseCount(values.runs),
    workload: workloads[oneOf(values.packages, ["eight", "small"] as const)],
    cases: withWhatTheyStandOn(listOf(values.only, cases)),
    contenders: listOf(values.builders, contenders),
    baseKnown: values["base-known"],
    profile: values.profile,
    ...(values.json !== undefined && { json: values.json }),
  };
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- parseArgs has no type that can be named
function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean", short: "h", default: false },
        runs: { type: "string", default: "3" },
        packages: { type: "string", default: "eight" },
        only: { type: "string", default: cases.join(",") },
        builders: { type: "string", default: contenders.join(",") },
        "base-known": { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
        json: { type: "string" },
      },
    });
  } catch (error) {
    throw new BenchError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function parseCount(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new BenchError(`--runs takes a number from 1 to 99, and not '${text}'.`);
}

function listOf<T extends string>(text: string, known: readonly T[]): T[] {
  return text.split(",").map((name) => oneOf(name.trim(), known));
}

function oneOf<T extends string>(name: string, known: readonly T[]): T {
  const found = known.find((one) => one === name);
  if (found !== undefined) return found;
  throw new BenchError(`'${name}' is none of ${known.join(", ")}.`);
}
