import { availableParallelism, cpus, release, totalmem } from "node:os";
import { buildkitVersion } from "./buildkit-programs.ts";
import type { Options } from "./options.ts";
import type { Row } from "./samples.ts";
import type { WheelFolder } from "./wheels.ts";

/** All that was measured, and what it was measured on, as data. */
export interface Report {
  readonly at: string;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    /** Bytes. */
    readonly memory: number;
    readonly kernel: string;
    readonly node: string;
  };
  readonly buildkit: string;
  readonly packages: readonly string[];
  readonly oneMore: string;
  readonly wheels: readonly string[];
  readonly baseKnown: boolean;
  readonly rows: readonly Row[];
}

export function makeReport(
  rows: readonly Row[],
  { workload, baseKnown }: Options,
  wheels: WheelFolder,
): Report {
  return {
    at: new Date().toISOString(),
    machine: {
      processor: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      memory: totalmem(),
      kernel: release(),
      node: process.version,
    },
    buildkit: buildkitVersion,
    packages: workload.packages,
    oneMore: workload.oneMore,
    wheels: wheels.files,
    baseKnown,
    rows,
  };
}
