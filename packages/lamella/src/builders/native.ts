import { Build } from "../engine/build.ts";
import { buildImage } from "../engine/build-image.ts";
import { checkImage } from "../engine/check-image.ts";
import type { BuildEvent } from "../engine/event.ts";
import { openTarget, requireRegistry } from "../engine/export/open-target.ts";
import { requestImage } from "../engine/image-request.ts";
import { Journal } from "../engine/journal.ts";
import { lockImage } from "../engine/lock-image.ts";
import { resolveImage } from "../engine/resolve/resolve-image.ts";
import { openSession, type Session } from "../engine/session.ts";
import type { Builder, BuildOptions, WithConfig } from "./builder.ts";
import { withOptions } from "./with-options.ts";

/** Builds on this machine and with no daemon: wheels, files and settings become layers by themselves. */
export const nativeBuilder: Builder = {
  name: "native",

  build(image, options) {
    return new Build((emit) =>
      withSession(options, emit, async (session) => {
        const request = await requestImage(image.definition, options, session);
        const target = await openTarget(request, session);
        const result = await buildImage(request, target, session);
        session.journal.write({ kind: "finished", result });
        return result;
      }),
    );
  },

  async plan(image, options) {
    const { emit = ignore } = options;
    return withSession(options, emit, async (session) => {
      const request = await requestImage(image.definition, options, session);
      const prepared = await resolveImage(request, session);
      return prepared.map(({ plan }) => plan);
    });
  },

  async check(image, options) {
    const { emit = ignore } = options;
    return withSession(options, emit, async (session) => {
      const request = await requestImage(image.definition, options, session);
      requireRegistry(request);
      await checkImage(request, session);
    });
  },

  async lock(image, options) {
    const { emit = ignore } = options;
    return withSession(options, emit, async (session) => {
      const request = await requestImage(image.definition, options, session);
      return lockImage(request, session);
    });
  },
};

function ignore(): void {}

/** Opens what a build needs, and closes it whatever happens. A failure is the last event. */
async function withSession<T>(
  options: WithConfig<BuildOptions>,
  emit: (event: BuildEvent) => void,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const journal = new Journal(emit);
  const { env } = process;
  try {
    const config = withOptions(options.config, options);
    await using session = await openSession(config, env, journal, options.signal);
    return await work(session);
  } catch (error) {
    // Whatever a stage says that was cancelled, that is why it failed.
    const why: unknown = options.signal?.aborted ? options.signal.reason : error;
    journal.redactor.error(why);
    journal.failed(why instanceof Error ? why : new Error(String(why)));
    throw why;
  }
}
