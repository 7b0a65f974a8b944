import { bootstrapBase } from "../../base/bootstrap.ts";
import { Journal, type RunningTask } from "../../engine/journal.ts";
import { openSession } from "../../engine/session.ts";
import { type Platform, parsePlatform } from "../../image/platform.ts";
import { formatReference, parseReference } from "../../image/reference.ts";
import type { CommonFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { chooseRenderer } from "../progress/choose-renderer.ts";
import { formatBytes } from "../terminal/quantity.ts";
import { loadSettings } from "./settings.ts";

export interface BaseBootstrapFlags extends CommonFlags {
  readonly suite: string;
  readonly python?: boolean;
  readonly as: string;
  readonly to: string;
  readonly platform?: Platform;
}

/** `lamella base bootstrap`: makes the base and pushes it; where it is and its digest go to stdout. */
export async function baseBootstrapAction(
  this: CliContext,
  flags: BaseBootstrapFlags,
): Promise<void> {
  const { suite, python = false, to } = flags;
  const as = parseReference(flags.as);
  const platform = flags.platform ?? parsePlatform(process.arch === "x64" ? "amd64" : process.arch);
  const config = await loadSettings(this, flags.config);
  const { stdout, stderr } = this.process;
  using renderer = chooseRenderer("auto", { stdout, stderr, env: this.env });
  const journal = new Journal((event) => renderer.event(event));

  await using session = await openSession(config, this.env, journal, this.signal);
  const { store, client } = session;
  const making = journal.start("base", `Debian ${suite} from this machine's apt sources`);
  let pushing: RunningTask | undefined;
  const base = await bootstrapBase({
    suite,
    python,
    as,
    to,
    platform,
    client,
    store,
    env: this.env,
    signal: this.signal,
    onProgress: (sent, total) => {
      making.finish("done");
      pushing ??= journal.start("push", `its layer, to ${to}`, { total });
      pushing.progress(sent, total);
    },
  }).catch((error: unknown) => {
    (pushing ?? making).fail(error);
    this.signal.throwIfAborted();
    throw error;
  });
  making.finish("done");
  pushing?.finish("done", { bytes: base.size });
  for (const warning of base.warnings) journal.warn("base-bootstrap", warning);
  renderer[Symbol.dispose]();
  stdout.write(
    `${formatReference(base.reference)}\n${base.digest}\n1 layer, ${formatBytes(base.size)}\n`,
  );
}
