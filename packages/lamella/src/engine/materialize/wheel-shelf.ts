import type { Platform } from "../../image/platform.ts";
import type { WheelFile } from "../../python/lock.ts";
import type { PlannedPackage } from "../plan.ts";
import type { PlannedPackages } from "../resolve/plan-packages.ts";
import type { Session } from "../session.ts";
import type { LocalWheel } from "./layer-job.ts";

/**
 * The wheels of an image, each fetched when the first step asks for it, and once, however often the image is planned and
 * for how many platforms.
 */
export class WheelShelf implements AsyncDisposable {
  readonly #session: Session;
  /** By all that decides what a wheel's layers hold. */
  readonly #fetched = new Map<string, Promise<LocalWheel>>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** The wheels at these indices of a plan's packages. Raises what the download raises; others then still go on. */
  take(
    indices: readonly number[],
    packages: PlannedPackages,
    platform: Platform,
  ): Promise<LocalWheel[]> {
    return Promise.all(
      indices.map((index) => {
        const [planned, wheel] = [packages.packages[index], packages.wheels[index]];
        if (!planned || !wheel) throw new RangeError(`No package ${index} in the plan.`);
        const key = `${planned.digest} ${wheel.filename} ${JSON.stringify(planned.directUrl ?? "")}`;
        const fetched = this.#fetched.get(key) ?? this.#fetch(planned, wheel, packages, platform);
        this.#fetched.set(key, fetched);
        return fetched;
      }),
    );
  }

  /** Waits for what is still on its way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#fetched.values());
  }

  async #fetch(
    planned: PlannedPackage,
    wheel: WheelFile,
    { downloader }: PlannedPackages,
    platform: Platform,
  ): Promise<LocalWheel> {
    const { name, version, digest, size: total, directUrl } = planned;
    const { journal, signal, store, lateWheels } = this.#session;
    const isLocal = wheel.url.startsWith("file:") || (await store.blobs.has(digest)) !== undefined;
    const fetch = async (onProgress?: (done: number) => void): Promise<LocalWheel> => {
      await lateWheels.bring(wheel);
      const { path } = await downloader.fetch(wheel, { signal, onProgress });
      return { name, digest, path, filename: wheel.filename, ...(directUrl ? { directUrl } : {}) };
    };
    if (isLocal) return fetch();
    return journal.task(
      "fetch",
      `${name} ${version}`,
      (task) => fetch((done) => task.progress(done, total)),
      { platform, total },
    );
  }
}
