import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { machinePlatform, platforms } from "../image/platform.ts";
import { requirePlatform } from "./binfmt.ts";

const foreign = platforms.find((platform) => platform !== machinePlatform()) ?? "linux/arm64";
const emulator = foreign === "linux/arm64" ? "qemu-aarch64" : "qemu-x86_64";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-binfmt-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

/** As Debian's qemu-user-static and binfmt-support register them; printed by the kernel. */
const entries = {
  "qemu-aarch64": [
    "magic 7f454c460201010000000000000000000200b700",
    "mask ffffffffffffff00fffffffffffffffffeffffff",
  ],
  "qemu-x86_64": [
    "magic 7f454c4602010100000000000000000002003e00",
    "mask fffffffffffefefcfffffffffffffffffeffffff",
  ],
  "python3.11": ["magic a70d0d0a"],
} as const;

async function register(
  name: keyof typeof entries,
  flags: string,
  state = "enabled",
): Promise<void> {
  const lines = [state, "interpreter /usr/libexec/emulator", `flags: ${flags}`, "offset 0"];
  await writeFile(join(folder, name), [...lines, ...entries[name], ""].join("\n"));
}

async function mounted(status = "enabled"): Promise<void> {
  await writeFile(join(folder, "status"), `${status}\n`);
  await writeFile(join(folder, "register"), "");
}

test("the machine's own platform needs nobody", async () => {
  await requirePlatform(machinePlatform(), join(folder, "nowhere"));
});

test("an emulator that containers find will do", async () => {
  await mounted();
  await register(emulator, "PF");
  await requirePlatform(foreign, folder);
});

test.each([
  ["is not mounted", async () => undefined, /binfmt_misc is not mounted/, /mount -t binfmt_misc/],
  ["has nothing", mounted, /no emulator is registered/, /apt-get install qemu-user-static/],
  [
    "is switched off",
    async () => {
      await mounted("disabled");
      await register(emulator, "PF");
    },
    /no emulator is registered/,
    new RegExp(`update-binfmts --enable ${emulator}`),
  ],
  [
    "has an emulator that is switched off, and others",
    async () => {
      await mounted();
      await register(emulator, "PF", "disabled");
      await register("python3.11", "");
      await register(emulator === "qemu-aarch64" ? "qemu-x86_64" : "qemu-aarch64", "PF");
    },
    /no emulator is registered/,
    /tonistiigi/,
  ],
  [
    "has an emulator that containers do not find",
    async () => {
      await mounted();
      await register(emulator, "P");
    },
    /emulator, but not in a container: .* without the flag F/,
    /linked statically/,
  ],
])("where binfmt_misc %s, the error says how to register one", async (_, prepare, says, helps) => {
  await prepare();
  await expect(requirePlatform(foreign, folder)).rejects.toMatchObject({
    code: "execution-foreign-platform",
    message: expect.stringMatching(says) as string,
    hint: expect.stringMatching(helps) as string,
  });
});
