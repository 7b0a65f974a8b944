import { defaultCapabilities } from "./capabilities.ts";
import type { ContainerProcess } from "./container-process.ts";
import type { PreparedContainer } from "./prepared-container.ts";

/*
 * A container without a container runtime, by what every util-linux has. It keeps a command from disturbing the host by
 * accident. It is no sandbox: there is no device cgroup and no pivot_root.
 */

// Arguments: the root filesystem, and the program. The mount points are directories of ours: see supplement.ts.
const script = `
set -e
root=$1
shift
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
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
exec "$@"
`;

/** A process in namespaces of its own, its root changed to the mounted root filesystem. */
export function prepareNamespaces(process: ContainerProcess, rootfs: string): PreparedContainer {
  const { args, workdir, user, terminal } = process;
  const { uid, gid, additionalGids } = user;
  const groups =
    additionalGids.length > 0 ? ["--groups", additionalGids.join(",")] : ["--clear-groups"];
  const bounding = defaultCapabilities.map((name) => `+${name.slice("CAP_".length).toLowerCase()}`);
  const become = ["setpriv", "--regid", String(gid), ...groups, "--inh-caps=-all"];
  const enter = ["unshare", "--root", rootfs, "--wd", workdir, "--setuid", String(uid), "--"];
  const variables = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  // The dynamic linker of the host must not see variables for that of the image: `env` of the image sets them.
  const { loader = [], other = [] } = Object.groupBy(variables, (variable) =>
    variable.startsWith("LD_") ? "loader" : "other",
  );
  const program = loader.length > 0 ? ["/usr/bin/env", ...loader, ...args] : args;
  return {
    args: ["sh", "-c", script, "sh", rootfs].concat(
      become,
      [`--bounding-set=-all,${bounding.join(",")}`, "--", "env", "-i"],
      other,
      enter,
      program,
    ),
    namespaces: ["--ipc"],
    // Without a terminal of its own it needs the caller's session to control that one's.
    newSession: !terminal,
    // Its complaints stand among those of the command, and its exit code is the command's.
    failure: async () => undefined,
  };
}
