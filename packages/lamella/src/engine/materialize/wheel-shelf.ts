import type { Platform } from "../../image/platform.ts";
import type { PlannedPackages } from "../resolve/plan-packages.ts";
import type { Session } from "../session.ts";
import { together } from "../together.ts";
import type { LocalWheel } from "./layer-job.ts";

/** The plan's wheels, each fetched when the first step asks for it, and once. */
export class WheelShelf {
  readonly #packages: PlannedPackages;
  readonly #platform: Platform;
  readonly #session: Session;
  readonly #fetched = new Map<number, Promise<LocalWheel>>();

  constructor(packages: PlannedPackages, platform: Platform, session: Session) {
    this.#packages = packages;
    this.#platform = platform;
    this.#session = session;
  }

  /** The wheels at these indices of the plan's packages. Raises what the download raises. */
  take(indices: readonly number[]): Promise<LocalWheel[]> {
    return together(
      this.#session,
      indices.map((index) => {
        const fetched = this.#fetched.get(index) ?? this.#fetch(index);
        this.#fetched.set(index, fetched);
        return fetched;
      }),
    );
  }

  async #fetch(index: number): Promise<LocalWheel> {
    const { packages, wheels, downloader } = this.#packages;
    const [planned, wheel] = [packages[index], wheels[index]];
    if (!planned || !wheel) throw new RangeError(`No package ${index} in the plan.`);
    const { name, version, digest, size: total, directUrl } = planned;
    const { journal, signal, store } = this.#session;
    const isLocal = wheel.url.startsWith("file:") || (await store.blobs.has(digest)) !== undefined;
    const fetch = async (onProgress?: (done: number) => void): Promise<LocalWheel> => {
      const { path } = await downloader.fetch(wheel, { signal, onProgress });
      return { name, digest, path, filename: wheel.filename, ...(directUrl ? { directUrl } : {}) };
    };
    if (isLocal) return fetch();
    return journal.task(
      "fetch",
      `${name} ${version}`,
      (task) => fetch((done) => task.progress(done, total)),
      {
        platform: this.#platform,
        total,
      },
    );
  }
}
