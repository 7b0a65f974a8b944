import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { output } from "./daemon.ts";
import { temporaryFolder } from "./lamella.ts";

/** An image that umoci has unpacked. */
export interface UnpackedBundle extends AsyncDisposable {
  /** The root filesystem. */
  readonly rootfs: string;
  /** Runs a command in it with runc, as umoci's configuration for runtimes says, and returns its stdout. */
  run(command: readonly string[]): Promise<string>;
}

/** The part of a runtime's configuration (runtime-spec config.md) that is changed. */
interface RuntimeConfig {
  readonly process: { readonly args?: readonly string[]; readonly terminal?: boolean };
}

/** Unpacks an image of an OCI layout with umoci, owners included, into a temporary folder. Needs root. */
export async function unpackWithUmoci(layout: string, tag: string): Promise<UnpackedBundle> {
  await using unpacking = new AsyncDisposableStack();
  const { path: folder } = unpacking.use(await temporaryFolder("lamella-umoci-"));
  const bundle = join(folder, "bundle");
  await output("umoci", ["unpack", "--image", `${layout}:${tag}`, bundle]);
  const configPath = join(bundle, "config.json");
  const config = JSON.parse(await readFile(configPath, "utf8")) as RuntimeConfig;
  const unpacked = unpacking.move();
  return {
    rootfs: join(bundle, "rootfs"),
    run: async (command) => {
      const process = { ...config.process, args: command, terminal: false };
      await writeFile(configPath, JSON.stringify({ ...config, process }));
      const state = ["--root", join(folder, "runc")];
      return output("runc", [...state, "run", "--bundle", bundle, `lamella-test-${randomUUID()}`]);
    },
    [Symbol.asyncDispose]: () => unpacked.disposeAsync(),
  };
}
