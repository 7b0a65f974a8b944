import { debianSources } from "../packages/lamella/src/base/apt-sources.ts";
import {
  type PushDebianBaseOptions,
  startMirror,
} from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { file, makeLayer } from "../packages/lamella/testing/made-base.ts";

/** Starts a registry that stands in for Docker Hub, whose Debian base has this machine's own archives in its sources.list. */
export async function startAptMirror(
  options: Partial<PushDebianBaseOptions> = {},
): Promise<RunningRegistry> {
  const lines = await debianSources("bookworm", { env: process.env });
  const sources = await makeLayer([file("etc/apt/sources.list", `${lines.join("\n")}\n`)]);
  return await startMirror({ ...options, above: [sources, ...(options.above ?? [])] });
}
