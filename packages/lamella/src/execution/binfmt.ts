import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { machinePlatform, type Platform } from "../image/platform.ts";
import { ForeignPlatformError } from "./error.ts";

/** Where the kernel says what it hands to an interpreter (its documentation, admin-guide/binfmt-misc). */
const registryFolder = "/proc/sys/fs/binfmt_misc";

/** `e_machine` of ELF files (elf(5)). */
const elfMachine: Readonly<Record<Platform, number>> = { "linux/amd64": 62, "linux/arm64": 183 };

/** qemu's name of an architecture. */
const emulatorName: Readonly<Record<Platform, string>> = {
  "linux/amd64": "x86_64",
  "linux/arm64": "aarch64",
};

/**
 * Makes sure that programs of a platform run in a container on this machine: by itself, or through an emulator that is
 * registered with the kernel. Raises {@link ForeignPlatformError} where they do not, with how to register one.
 *
 * `folder` is where binfmt_misc is mounted.
 */
export async function requirePlatform(
  platform: Platform,
  folder: string = registryFolder,
): Promise<void> {
  if (platform === machinePlatform()) return;
  const name = emulatorName[platform];
  const install = [
    `On Debian and Ubuntu: apt-get install qemu-user-static binfmt-support, then update-binfmts --enable qemu-${name}`,
    `Elsewhere: docker run --privileged --rm tonistiigi/binfmt --install ${platform.slice("linux/".length)}`,
  ];
  const handlers = await readHandlers(folder);
  if (handlers === undefined) {
    throw new ForeignPlatformError(
      `Programs for ${platform} do not run on this machine (${machinePlatform()}), and binfmt_misc is not mounted.`,
      [`As root: mount -t binfmt_misc binfmt_misc ${registryFolder}`, ...install].join("\n"),
    );
  }
  const header = elfHeader(platform);
  const fitting = handlers.filter(({ matches }) => matches(header));
  if (fitting.some(({ fixed }) => fixed)) return;
  const [handler] = fitting;
  if (handler) {
    throw new ForeignPlatformError(
      `Programs for ${platform} run on this machine through ${handler.interpreter}, but not in a container: the emulator is registered without the flag F.`,
      [
        "The kernel then looks for it inside the image. Register one that is linked statically:",
        ...install,
      ].join("\n"),
    );
  }
  throw new ForeignPlatformError(
    `Programs for ${platform} do not run on this machine (${machinePlatform()}), and no emulator is registered for them.`,
    install.join("\n"),
  );
}

/** Something that the kernel starts in place of files that look a certain way. */
interface Handler {
  readonly interpreter: string;
  /** Whether the kernel opened the interpreter when it was registered, and so finds it from inside a container. */
  readonly fixed: boolean;
  readonly matches: (header: Uint8Array) => boolean;
}

/** What is registered and enabled; undefined where binfmt_misc is not mounted. */
async function readHandlers(folder: string): Promise<readonly Handler[] | undefined> {
  const status = await readFile(join(folder, "status"), "utf8").catch(() => undefined);
  if (status === undefined) return undefined;
  if (status.trim() !== "enabled") return [];
  const names = (await readdir(folder)).filter((name) => name !== "register" && name !== "status");
  const texts = await Promise.all(
    // One that is taken away meanwhile is not registered.
    names.map((name) => readFile(join(folder, name), "utf8").catch(() => "")),
  );
  return texts.flatMap((text) => parseHandler(text) ?? []);
}

function parseHandler(text: string): Handler | undefined {
  const lines = text.split("\n");
  const field = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  const magic = field("magic");
  // Without a magic number it goes by the ending of a file's name.
  if (lines[0] !== "enabled" || magic === undefined) return undefined;
  const wanted = Buffer.from(magic, "hex");
  const mask = Buffer.from(field("mask") ?? "ff".repeat(wanted.length), "hex");
  const offset = Number(field("offset") ?? 0);
  return {
    interpreter: field("interpreter") ?? "",
    fixed: lines.some((line) => /^flags:.*F/.test(line)),
    matches: (header) =>
      wanted.every(
        (byte, at) =>
          ((header[offset + at] ?? 0) & (mask[at] ?? 0xff)) === (byte & (mask[at] ?? 0xff)),
      ),
  };
}

/** The beginning of a program: 64 bit, little-endian, position independent (elf(5)). */
function elfHeader(platform: Platform): Uint8Array {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(3, 16);
  header.writeUInt16LE(elfMachine[platform], 18);
  return header;
}
