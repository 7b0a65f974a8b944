import type { BindMount } from "./bind-mount.ts";
import { defaultCapabilities } from "./capabilities.ts";
import type { ContainerProcess } from "./container-process.ts";
import { mappedIds } from "./user-namespace.ts";

/** A file system in a container (runtime-spec config.md, "Mounts"). */
interface SpecMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface RuntimeSpecOptions {
  readonly process: ContainerProcess;
  /** Absolute path of the mounted root filesystem. */
  readonly rootfs: string;
  /** None where cgroups cannot be made. */
  readonly cgroupsPath: string | undefined;
  /** Beside those that every container has. */
  readonly binds?: readonly BindMount[];
  /**
   * Whether the command is the first process of a namespace of its own, as in Docker: with it all others end. Without,
   * process ids are those of the enclosure, whose first process is the runtime, as the init of `docker run --init`: a
   * command that is first ignores Ctrl-C and SIGTERM unless it handles them. See enclosure.ts.
   */
  readonly isFirst: boolean;
  /** Bytes of memory that all its processes may have together. */
  readonly memory?: number | undefined;
}

// As Docker has them, but for /dev/shm: its 64 MiB there are too few for the workers of a PyTorch DataLoader, so it is
// bounded by tmpfs's own default, half of the memory.
const mounts: readonly SpecMount[] = [
  mount("/proc", "proc", ["nosuid", "noexec", "nodev"]),
  mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
  mount("/dev/pts", "devpts", [
    "nosuid",
    "noexec",
    "newinstance",
    "ptmxmode=0666",
    "mode=0620",
    "gid=5",
  ]),
  mount("/dev/shm", "tmpfs", ["nosuid", "noexec", "nodev", "mode=1777"]),
  mount("/dev/mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
];

/** A view of the kernel needs the network namespace to belong to the user namespace; the machine's does not. */
function sysMount(): SpecMount {
  const options = ["nosuid", "noexec", "nodev", "ro"];
  return mappedIds() === undefined
    ? mount("/sys", "sysfs", options)
    : { destination: "/sys", type: "bind", source: "/sys", options: ["rbind", ...options] };
}

// What the kernel shows of the whole machine (moby, oci/defaults.go).
const maskedPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];
const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/**
 * The `config.json` of a container (runtime-spec 1.0, config.md and config-linux.md): Docker's defaults on the host's
 * network, with the host's name.
 */
export function runtimeSpec({
  process,
  rootfs,
  cgroupsPath,
  isFirst,
  binds = [],
  memory,
}: RuntimeSpecOptions): object {
  const { args, env, workdir, user, terminal } = process;
  // A user who is not root starts with none, and gets them back from setuid programs only.
  const held = user.uid === 0 ? defaultCapabilities : [];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: terminal !== undefined,
      // A runtime that is not told passes it on when the command already runs.
      ...(terminal && { consoleSize: { height: terminal.rows, width: terminal.columns } }),
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      args,
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd: workdir,
      capabilities: {
        bounding: defaultCapabilities,
        effective: held,
        permitted: held,
        // Inheritable ones would outlive a change of user (CVE-2022-24769).
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: false,
    },
    root: { path: rootfs, readonly: false },
    mounts: [...mounts, sysMount(), ...binds.map(bindMount)],
    linux: {
      namespaces: [{ type: "ipc" }, { type: "mount" }, ...(isFirst ? [{ type: "pid" }] : [])],
      ...(cgroupsPath !== undefined && {
        cgroupsPath,
        resources: {
          devices: [{ allow: false, access: "rwm" }],
          ...(memory !== undefined && { memory: { limit: memory } }),
        },
      }),
      maskedPaths,
      readonlyPaths,
    },
  };
}

function bindMount({ source, destination, writable }: BindMount): SpecMount {
  const options = ["rbind", "nosuid", "nodev", writable ? "rw" : "ro"];
  return { destination, type: "bind", source, options };
}

function mount(destination: string, type: string, options: readonly string[]): SpecMount {
  return { destination, type, source: type, options };
}
