import { join } from "node:path";
import type { BindMount } from "./bind-mount.ts";
import { defaultCapabilities } from "./capabilities.ts";
import type { ContainerProcess } from "./container-process.ts";
import type { PreparedContainer } from "./prepared-container.ts";
import type { Rootfs } from "./rootfs.ts";

/*
 * A container without a container runtime, by what every util-linux has. It keeps a command from disturbing the host by
 * accident. It is no sandbox: there is no device cgroup and no pivot_root.
 */

// Arguments: the root filesystem. The mount points are directories of ours: see supplement.ts.
const kernelMounts = `
set -e
umask 022
root=$1
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys" 2>/dev/null || mount --rbind /sys "$root/sys"
mount -t tmpfs -o nosuid,mode=755,size=65536k tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o nosuid,nodev,noexec,mode=1777 shm "$root/dev/shm"
mount -t mqueue -o nosuid,nodev,noexec mqueue "$root/dev/mqueue"
for device in null zero full random urandom tty; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
# Arguments: source, destination, further options. What is below another mount may have no place yet.
bind() {
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$root\${2%/*}"; [ -e "$root$2" ] || : > "$root$2"; fi
  mount --rbind "$1" "$root$2"
  mount -o "remount,bind,nosuid,nodev$3" "$root$2"
}
`;

// What a shell can pass on (POSIX.1-2017, XBD 8.1) and neither obeys itself, nor do the programs of this machine.
const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const obeyed = /^(LD_.*|PATH|IFS|ENV|BASH_ENV|OPTIND|PPID|PS[1-4]|PWD|OLDPWD|SHLVL|_)$/;

// What shells, and we, add to the environment.
const ours = ["LC_ALL", "LIBMOUNT_FORCE_MOUNT2", "PWD", "OLDPWD", "SHLVL", "_"];

const scriptName = "start.sh";

/**
 * A process in namespaces of its own, its root changed to the mounted root filesystem. The script that does it is in
 * memory, since it has the values of environment variables in it, and those are in no process's arguments but for the
 * names that a shell cannot pass on.
 */
export function prepareNamespaces(
  process: ContainerProcess,
  { path: rootfs, memory }: Pick<Rootfs, "path" | "memory">,
  options: {
    readonly binds: readonly BindMount[];
    /** The file that makes who writes 0 to it a member of a cgroup. */
    readonly cgroup: string | undefined;
  },
): PreparedContainer {
  const script = [
    kernelMounts,
    ...(options.cgroup === undefined ? [] : [`echo 0 > ${shellWord(options.cgroup)}`]),
    ...options.binds.map(({ source, destination, writable }) =>
      shellCommand(["bind", source, destination, writable ? "" : ",ro"]),
    ),
    ...startCommands(process, rootfs),
  ].join("\n");
  const bytes = Buffer.from(script);
  return {
    args: ["sh", join(memory, scriptName), rootfs],
    privateFiles: [{ path: scriptName, bytes, mode: 0o600, uid: 0, gid: 0 }],
    namespaces: ["--ipc"],
    // Without a terminal of its own it needs the caller's session to control that one's.
    newSession: process.terminal === undefined,
    // Its complaints stand among those of the command, and its exit code is the command's.
    failure: async () => undefined,
  };
}

function startCommands({ args, env, workdir, user }: ContainerProcess, rootfs: string): string[] {
  const { uid, gid, additionalGids } = user;
  const groups =
    additionalGids.length > 0 ? ["--groups", additionalGids.join(",")] : ["--clear-groups"];
  const bounding = defaultCapabilities.map((name) => `+${name.slice("CAP_".length).toLowerCase()}`);
  const become = ["setpriv", "--regid", String(gid), ...groups, "--inh-caps=-all"];
  const enter = ["--root", rootfs, "--wd", workdir, "--setuid", String(uid), "--"];

  const {
    exported = [],
    loader = [],
    assigned = [],
  } = Object.groupBy(Object.keys(env), (name) => {
    // The dynamic linker of this machine must not see variables for that of the image: `env` of the image sets them.
    if (name.startsWith("LD_")) return "loader";
    return shellName.test(name) && !obeyed.test(name) ? "exported" : "assigned";
  });
  const values = (names: readonly string[]): string[] =>
    names.map((name) => `${name}=${env[name] ?? ""}`);
  const unset = ours.flatMap((name) => (name in env ? [] : ["-u", name]));
  const program = loader.length > 0 ? ["/usr/bin/env", ...values(loader), ...args] : args;
  return [
    // The PATH of the image says nothing of where this machine has them.
    'set -- "$(command -v env)" "$(command -v unshare)"',
    ...exported.map((name) => `export ${name}=${shellWord(env[name] ?? "")}`),
    [
      shellCommand(["exec", ...become, `--bounding-set=-all,${bounding.join(",")}`, "--"]),
      '"$1"',
      shellCommand([...unset, ...values(assigned)]),
      '"$2"',
      shellCommand([...enter, ...program]),
    ].join(" "),
  ];
}

function shellCommand(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}

/** A word that a shell takes literally. */
function shellWord(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
