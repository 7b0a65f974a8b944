import type { ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** How often is looked, in milliseconds: what is reached in the last moment before the end is not seen. */
const interval = 20;

/** The most memory that a process has had resident by its end (proc_pid_status(5), `VmHWM`), in bytes. Linux only. */
export async function peakMemory(child: ChildProcess): Promise<number> {
  let peak = 0;
  while (child.exitCode === null && child.signalCode === null) {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    const [, kibibytes = "0"] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
    peak = Math.max(peak, Number(kibibytes) * 1024);
    await delay(interval);
  }
  return peak;
}
