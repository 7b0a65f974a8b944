import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { storeName } from "../packages/lamella/src/execution/cgroup.ts";

/**
 * What containers of a store have left on this machine, in words, when nobody works in it: mounts in whichever namespace,
 * cgroups, and folders of sessions.
 */
export async function leftoversOf(store: string): Promise<readonly string[]> {
  const found = await Promise.all([mounts(store), cgroups(store), sessions(store)]);
  return found.flat();
}

async function mounts(store: string): Promise<string[]> {
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lists = processes.map(async (pid) => {
    // Of a process that has just ended there is none.
    const text = await readFile(`/proc/${pid}/mountinfo`, "utf8").catch(() => "");
    return text.split("\n").filter((line) => line.includes(store));
  });
  return [...new Set((await Promise.all(lists)).flat())];
}

async function cgroups(store: string): Promise<string[]> {
  const pattern = `*/lamella/${storeName({ root: store })}.*`;
  const args = ["/sys/fs/cgroup", "-path", pattern, "-type", "d"];
  const { stdout } = await promisify(execFile)("find", args);
  return stdout.split("\n").filter((line) => line !== "");
}

async function sessions(store: string): Promise<string[]> {
  const folder = join(store, "sessions");
  return (await readdir(folder)).map((name) => join(folder, name));
}
