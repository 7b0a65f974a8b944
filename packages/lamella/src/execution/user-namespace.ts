import { readFileSync } from "node:fs";
import { digestHex, sha256 } from "../files/digest.ts";

/** Bit of the capability to mount, and much else (capabilities(7)). */
const sysAdmin = 1n << 21n;

/** What the first user namespace of a machine has (user_namespaces(7)). */
const allIds = "0 0 4294967295";

/**
 * The name of the ids that this process can give to files, undefined where that is all of the machine's: in a user
 * namespace the owner 33 of a layer is another one on disk, and the kernel keeps marks of overlayfs elsewhere.
 */
export function mappedIds(): string | undefined {
  const maps = ["uid_map", "gid_map"].map((name) =>
    readFileSync(`/proc/self/${name}`, "utf8").trim().replaceAll(/\s+/g, " "),
  );
  return maps.every((map) => map === allIds)
    ? undefined
    : digestHex(sha256(maps.join("\n"))).slice(0, 16);
}

/** Whether this process is root and may mount, in the first user namespace or in one of its own. */
export function isMountingRoot(): boolean {
  if (process.geteuid?.() !== 0) return false;
  const status = readFileSync("/proc/self/status", "utf8");
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return (BigInt(`0x${effective}`) & sysAdmin) !== 0n;
}
