import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findUv } from "../packages/lamella/src/python/uv.ts";
import { Store } from "../packages/lamella/src/store/store.ts";
import { BenchError } from "./bench-error.ts";
import { startBuildkit } from "./buildkit.ts";
import { buildkitPrograms } from "./buildkit-programs.ts";
import { cacheFolder } from "./cache-folder.ts";
import { startLamella } from "./lamella.ts";
import { measures } from "./measure.ts";
import { help, type Options, parseOptions } from "./options.ts";
import { makeReport } from "./report.ts";
import { type RoundOptions, runRound } from "./round.ts";
import { Samples } from "./samples.ts";
import { formatTable } from "./table.ts";
import { formatTimeline } from "./timeline.ts";
import { wheelFolder } from "./wheels.ts";

/** Runs the benchmark: what goes on to stderr, what came of it to stdout. */
async function compare(options: Options, signal: AbortSignal): Promise<void> {
  const { runs, workload, cases, contenders, baseKnown, profile, json } = options;
  if (process.getuid?.() !== 0) {
    throw new BenchError("The benchmark needs root: engines and builders run containers.");
  }
  const cache = cacheFolder(process.env);
  say("Wheels, programs and the base: made the first time, and kept");
  const wheels = await wheelFolder(workload, cache, signal);
  await using store = await Store.open(join(cache, "tools"));
  const uv = await findUv({ store, env: process.env, signal });
  const programs = contenders.includes("buildkit")
    ? await buildkitPrograms(cache, signal)
    : undefined;

  const samples = new Samples();
  for (let round = 0; round < runs; round++) {
    say(`Round ${round + 1} of ${runs}`);
    await runRound({
      // Nobody always comes first.
      contenders: round % 2 === 0 ? contenders : contenders.toReversed(),
      start: (name, ground) => {
        if (name === "lamella") return startLamella(ground, { baseKnown });
        if (programs) return startBuildkit(ground, { programs, baseKnown });
        throw new Error("There are no programs of BuildKit's.");
      },
      workload,
      cases,
      wheels: wheels.path,
      uv,
      signal,
      record: (measure, contender, value) => {
        samples.add(measure, contender, value);
        const { title, unit } = measures[measure];
        say(`${contender.padEnd(8)}  ${title}: ${unit === "seconds" ? value.toFixed(2) : value}`);
      },
      onBuilt: profile && round === 0 ? showTimeline : () => undefined,
    });
  }
  const rows = samples.rows();
  console.log(`\n${formatTable(rows)}`);
  if (json !== undefined) {
    const report = makeReport(rows, options, wheels);
    await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
}

const showTimeline: RoundOptions["onBuilt"] = (measure, _, { events, seconds }) => {
  if (events) console.log(`\n${measures[measure].title}: ${formatTimeline(events, seconds)}\n`);
};

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(name, () => stop.abort(new BenchError(`Stopped by ${name}.`)));
}
try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(help);
  else await compare(options, stop.signal);
} catch (error) {
  say(error instanceof BenchError ? error.message : String((error as Error).stack ?? error));
  process.exitCode = 1;
}
