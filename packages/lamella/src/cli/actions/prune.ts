import { openStore } from "../../engine/open-store.ts";
import { pruneStore } from "../../execution/prune-store.ts";
import type { ContentKind } from "../../store/contents.ts";
import type { Amount, PruneReport } from "../../store/prune.ts";
import type { CommonFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { UsageError } from "../error.ts";
import { count, formatBytes } from "../terminal/quantity.ts";
import { table } from "../terminal/table.ts";
import { loadSettings } from "./settings.ts";

export interface PruneFlags extends CommonFlags {
  readonly olderThan?: number;
  readonly maxSize?: number;
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

/** Where neither age, size nor everything is asked for. In milliseconds. */
const defaultAge = 30 * 24 * 3_600_000;

/** `lamella prune`: what went, by sort, and what is left go to stdout. */
export async function pruneAction(this: CliContext, flags: PruneFlags): Promise<void> {
  const { olderThan, maxSize, all, dryRun = false } = flags;
  if (all && (olderThan ?? maxSize) !== undefined) {
    throw new UsageError(
      "--all and a limit exclude each other.",
      "Everything is more than what is old: leave one of them away.",
    );
  }
  const config = await loadSettings(this, flags.config);
  const { env, signal, process } = this;
  await using store = await openStore(config, env);
  const report = await pruneStore(store, { ...limits(flags), dryRun, signal });
  for (const line of reportLines(report, dryRun)) process.stdout.write(`${line}\n`);
}

function limits({ olderThan, maxSize, all }: PruneFlags): {
  readonly olderThan?: number;
  readonly maxSize?: number;
} {
  if (all) return {};
  if (olderThan === undefined && maxSize === undefined) return { olderThan: defaultAge };
  return {
    ...(olderThan === undefined ? {} : { olderThan }),
    ...(maxSize === undefined ? {} : { maxSize }),
  };
}

/** What a person calls them. */
const kindNames: Readonly<Record<ContentKind, string>> = {
  blobs: "wheels, layers and documents",
  partial: "broken-off downloads",
  memos: "memos",
  snapshots: "unpacked layers",
  wheels: "wheels built from source",
  caches: "caches of commands",
  tools: "tools and their caches",
};

function reportLines({ removed, kept, inUse }: PruneReport, dryRun: boolean): readonly string[] {
  const kinds = Object.entries(removed) as [ContentKind, Amount][];
  const rows = kinds
    .filter(([, amount]) => amount.count > 0)
    .map(([kind, amount]) => [kindNames[kind], String(amount.count), formatBytes(amount.bytes)]);
  const bytes = kinds.reduce((sum, [, amount]) => sum + amount.bytes, 0);
  const word = dryRun ? "would be removed" : "removed";
  const using = inUse.count > 0 ? `, ${formatBytes(inUse.bytes)} of it in use now` : "";
  const left =
    kept.count > 0 ? `${count(kept.count, "item")}, ${formatBytes(kept.bytes)}` : "nothing";
  const stay = dryRun ? "would stay" : kept.count > 0 ? "stay" : "stays";
  return [
    ...table(rows, ["left", "right", "right"]).map((line) => `  ${line}`),
    `${rows.length === 0 ? "Nothing" : formatBytes(bytes)} ${word}; ${left} ${stay}${using}.`,
  ];
}
