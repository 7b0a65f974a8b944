import { access } from "node:fs/promises";
import { output } from "./daemon.ts";

const registry = "/proc/sys/fs/binfmt_misc";

/** Lets this machine run programs for arm64 through Debian's qemu, as its administrator would. Needs root. */
export async function registerEmulator(): Promise<void> {
  const isMounted = await access(`${registry}/status`).then(
    () => true,
    () => false,
  );
  if (!isMounted) await output("mount", ["-t", "binfmt_misc", "binfmt_misc", registry]);
  await output("update-binfmts", ["--enable", "qemu-aarch64"]);
}

/**
 * Arguments that, before a command, run it where no emulator is registered, whatever the machine has: in a user namespace
 * with a binfmt_misc of its own (Linux 6.7 and later), in which it still looks like root to itself.
 */
export const withoutEmulator: readonly [string, ...string[]] = [
  "unshare",
  "--user",
  "--map-root-user",
  "--mount",
  "sh",
  "-ec",
  `mount -t binfmt_misc binfmt_misc ${registry}; exec "$@"`,
  "sh",
];
