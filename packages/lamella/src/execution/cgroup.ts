import { mkdir, readdir, readFile, rmdir, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { digestHex, sha256 } from "../files/digest.ts";
import type { Store } from "../store/store.ts";
import { ExecutionUnsupportedError } from "./error.ts";
import { mappedIds } from "./user-namespace.ts";

/** Below this cgroup, in each hierarchy, are those of our containers. */
const parent = "lamella";

/** The id of a container whose business is in a scratch folder; it names its cgroup too. */
export function containerId(store: Store, scratch: { readonly path: string }): string {
  return [storeName(store), basename(dirname(scratch.path)), basename(scratch.path)].join(".");
}

/** Runtime-spec config-linux.md, "Cgroups Path"; undefined where this process may make none. */
export function cgroupsPath(id: string): string | undefined {
  return mappedIds() === undefined ? `/${parent}/${id}` : undefined;
}

// What is left after five seconds, the next start removes. A busy machine needs more than one of them.
const removeAttempts = 250;
const removePause = 20;

/**
 * Removes the cgroups of this store's containers whose scratch folder is gone: a runtime that is killed leaves them,
 * empty, to nobody.
 */
export async function removeDeadCgroups(store: Store): Promise<void> {
  const ours = `${storeName(store)}.`;
  const hierarchies = await cgroupMounts();
  const named = await Promise.all(
    hierarchies.map((hierarchy) => readdir(join(hierarchy, parent)).catch(() => [])),
  );
  const ids = new Set(named.flat().filter((id) => id.startsWith(ours)));
  await Promise.all(
    [...ids].map(async (id) => {
      const [, session, scratch, ...more] = id.split(".");
      if (session === undefined || scratch === undefined || more.length > 0) return;
      // Its processes may be ending at this moment.
      if (!(await isThere(store.path("sessions", session, scratch)))) await removeCgroups(id);
    }),
  );
}

/** Removes what is left of a container's cgroups, when its processes have ended. */
export async function removeCgroups(id: string): Promise<void> {
  const hierarchies = await cgroupMounts();
  await Promise.all(hierarchies.map((hierarchy) => removeCgroup(join(hierarchy, parent, id))));
}

/**
 * How many processes of a container the kernel ended for want of memory: the container's limit, or the machine's.
 * Undefined where nobody has counted.
 */
export async function outOfMemoryKills(id: string): Promise<number | undefined> {
  for (const hierarchy of await cgroupMounts()) {
    // cgroup-v2.rst, "Memory Interface Files"; cgroup-v1/memory.rst, "OOM Control".
    for (const file of ["memory.events", "memory.oom_control"]) {
      const text = await readFile(join(hierarchy, parent, id, file), "utf8").catch(() => "");
      const kills = /^oom_kill (\d+)$/m.exec(text)?.[1];
      if (kills !== undefined) return Number(kills);
    }
  }
  return undefined;
}

/**
 * Makes a cgroup of so many bytes of memory for a container that has no runtime to do it, and returns the file that a
 * process writes 0 to so as to be in it. Raises {@link ExecutionUnsupportedError}.
 */
export async function createMemoryCgroup(id: string, bytes: number): Promise<string> {
  for (const hierarchy of await cgroupMounts()) {
    const folder = join(hierarchy, parent, id);
    const version2 = (await listed(hierarchy, "cgroup.controllers")).includes("memory");
    if (!version2 && !(await isThere(join(hierarchy, "memory.limit_in_bytes")))) continue;
    try {
      await mkdir(folder, { recursive: true });
      if (version2) {
        for (const above of [hierarchy, join(hierarchy, parent)]) {
          await writeFile(join(above, "cgroup.subtree_control"), "+memory");
        }
      }
      const limit = version2 ? "memory.max" : "memory.limit_in_bytes";
      await writeFile(join(folder, limit), String(bytes));
      return join(folder, "cgroup.procs");
    } catch (error) {
      throw noMemoryLimit(error);
    }
  }
  throw noMemoryLimit();
}

/** The error for a limit that nobody can hold a container to. */
export function noMemoryLimit(cause?: unknown): ExecutionUnsupportedError {
  return new ExecutionUnsupportedError(
    "The memory of a step cannot be limited here: there is no cgroup for memory that this user may make.",
    "Leave the limit out, or run as root where the kernel has the memory controller.",
    { cause },
  );
}

async function listed(folder: string, file: string): Promise<string[]> {
  return (await readFile(join(folder, file), "utf8").catch(() => "")).split(/\s+/);
}

async function removeCgroup(path: string): Promise<void> {
  for (let attempt = 0; attempt < removeAttempts; attempt++) {
    try {
      return await rmdir(path);
    } catch (error) {
      // The kernel counts a process for some time after its end.
      if ((error as NodeJS.ErrnoException).code !== "EBUSY") return;
      await delay(removePause);
    }
  }
}

/** Where the hierarchies of cgroups are mounted: one for version 2, one a controller for version 1. */
async function cgroupMounts(): Promise<string[]> {
  // Other systems have none.
  const lines = (await readFile("/proc/self/mountinfo", "utf8").catch(() => "")).split("\n");
  return lines.flatMap((line) => {
    // proc_pid_mountinfo(5): the mount point is the fifth field, the type the first after a dash.
    const [before = "", after = ""] = line.split(" - ");
    const type = after.split(" ")[0];
    const path = before.split(" ")[4];
    return (type === "cgroup" || type === "cgroup2") && path !== undefined ? [path] : [];
  });
}

/** What the ids of a store's containers begin with. */
export function storeName(store: Pick<Store, "root">): string {
  return digestHex(sha256(store.root)).slice(0, 8);
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
