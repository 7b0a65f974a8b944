import { layerBytes, mirrorReference, promisedPython, pushBase } from "../../base/bootstrap.ts";
import { type DebianImage, makeDebianImage } from "../../base/debian-image.ts";
import { Journal, type RunningTask } from "../../engine/journal.ts";
import { openSession } from "../../engine/session.ts";
import { machinePlatform, type Platform } from "../../image/platform.ts";
import { formatReference, parseReference } from "../../image/reference.ts";
import type { CommonFlags } from "../commands/parameters.ts";
import type { CliContext } from "../context.ts";
import { chooseRenderer } from "../progress/choose-renderer.ts";
import { count, formatBytes } from "../terminal/quantity.ts";
import { loadSettings } from "./settings.ts";

export interface BaseBootstrapFlags extends CommonFlags {
  readonly suite: string;
  readonly python?: boolean;
  readonly aptSources?: boolean;
  readonly as: string;
  readonly to: string;
  readonly platform?: readonly Platform[];
}

/** `lamella base bootstrap`: makes the base and pushes it; where it is and its digest go to stdout. */
export async function baseBootstrapAction(
  this: CliContext,
  flags: BaseBootstrapFlags,
): Promise<void> {
  const { suite, python = false, aptSources: keepsSources, to } = flags;
  const as = parseReference(flags.as);
  const machine = machinePlatform();
  const platforms = [...new Set(flags.platform ?? [machine])];
  const config = await loadSettings(this, flags.config);
  const { stdout, stderr } = this.process;
  using renderer = chooseRenderer("auto", { stdout, stderr, env: this.env });
  const journal = new Journal((event) => renderer.event(event));

  await using session = await openSession(config, this.env, journal, this.signal);
  const { store, client, env, signal } = session;
  try {
    const made: DebianImage[] = [];
    for (const platform of platforms) {
      const title = `Debian ${suite} for ${platform} from this machine's apt sources`;
      const options = { suite, python, keepsSources, platform, store, env, signal };
      const make = (task: RunningTask): Promise<DebianImage> =>
        // It takes minutes: what goes on is worth knowing.
        makeDebianImage({ ...options, onLine: (line) => task.output("stderr", line) });
      made.push(await journal.task("base", title, make));
    }
    const total = made.reduce((sum, { image }) => sum + layerBytes(image), 0);
    const pushed = await journal.task(
      "push",
      `to ${formatReference(mirrorReference(as, to))}`,
      async (task) => {
        const onProgress = (sent: number): void => task.progress(sent, total);
        const images = made.map(({ image }) => image);
        const result = await pushBase(images, { as, to, client, store, signal, onProgress });
        task.finish("done", { bytes: total });
        return result;
      },
      { total },
    );
    for (const { outline } of made.slice(0, 1)) {
      for (const warning of promisedPython(as, outline)) journal.warn("base-bootstrap", warning);
    }
    const foreign = platforms.filter((platform) => platform !== machine);
    if (foreign.length > 0) {
      journal.warn(
        "base-not-set-up",
        `This machine cannot run the setup scripts of Debian's packages for ${foreign.join(", ")}: they are unpacked, with accounts and certificates in place.`,
        "Python and its packages work so. apt-get sets the rest up when it is first used there.",
      );
    }
    renderer[Symbol.dispose]();
    const { reference, descriptor } = pushed;
    const images = made.length > 1 ? `${count(made.length, "platform")}, ` : "";
    stdout.write(
      `${formatReference(reference)}\n${descriptor.digest}\n${images}${count(made.length, "layer")}, ${formatBytes(total)}\n`,
    );
  } catch (error) {
    // Whatever interrupted work says of itself, the interruption is why it failed.
    this.signal.throwIfAborted();
    throw error;
  }
}
