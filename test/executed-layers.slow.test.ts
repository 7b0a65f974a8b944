import { createReadStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { executeStep } from "../packages/lamella/src/execution/step.ts";
import { sha256 } from "../packages/lamella/src/files/digest.ts";
import { assembleImage } from "../packages/lamella/src/oci/assemble.ts";
import { parseImageConfig } from "../packages/lamella/src/oci/config.ts";
import { decompressLayer } from "../packages/lamella/src/oci/decompress.ts";
import type { Layer } from "../packages/lamella/src/oci/descriptor.ts";
import { parseImageManifest } from "../packages/lamella/src/oci/manifest.ts";
import { entryTime } from "../packages/lamella/src/oci/tar-header.ts";
import { readTar } from "../packages/lamella/src/oci/tar-reader.ts";
import { createRegistryClient } from "../packages/lamella/src/registry/client.ts";
import { anonymous } from "../packages/lamella/src/registry/credentials.ts";
import type { Store } from "../packages/lamella/src/store/store.ts";
import type { ContainerEngine } from "../packages/lamella/testing/container-engine.ts";
import { startContainerd } from "../packages/lamella/testing/containerd.ts";
import { output } from "../packages/lamella/testing/daemon.ts";
import {
  type DebianBase,
  debianBase,
  startMirror,
} from "../packages/lamella/testing/debian-base.ts";
import {
  type RunningDockerEngine,
  startDockerEngine,
} from "../packages/lamella/testing/docker-engine.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { unpackWithUmoci } from "../packages/lamella/testing/umoci.ts";
import { takeInventory } from "./inventory.ts";
import { nastyCommands } from "./nasty-commands.ts";

// Docker's builder runs the same commands as we do, on the same base: its layers say what ours have to hold.

let open: AsyncDisposableStack;
let registry: RunningRegistry;
let docker: RunningDockerEngine;
let base: DebianBase;
let folder: string;
/** What each command left, in Docker's layer and in ours; undefined where it made none. */
let layers: ReadonlyMap<string, { readonly theirs?: Files; readonly ours?: Files }>;
/** The images with all of them. */
let theirs: string;
let ours: string;

/** By path what a layer says of it. */
type Files = ReadonlyMap<string, string>;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startMirror());
  docker = opening.use(await startDockerEngine());
  base = await debianBase({ python: true });
  opening.use(base.store);
  folder = opening.use(await temporaryFolder("lamella-executed-")).path;
  const built = await buildWithDocker();
  const made = await execute();
  layers = new Map(
    nastyCommands.map(({ about }, index) => {
      const [one, other] = [built[index], made[index]];
      return [about, { ...(one && { theirs: one }), ...(other && { ours: other.files }) }];
    }),
  );
  theirs = `${registry.host}/team/theirs`;
  await docker.docker("tag", "theirs", theirs);
  await docker.docker("push", "--quiet", theirs);
  const steps = made.flatMap((one) => (one ? [one.layer] : []));
  const attributed = await step(attributes, steps);
  ours = await push(attributed ? [...steps, attributed] : steps);
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

/** Docker's layer of each command. */
async function buildWithDocker(): Promise<(Files | undefined)[]> {
  const context = join(folder, "context");
  const saved = join(folder, "saved");
  await mkdir(context);
  await mkdir(saved);
  const dockerfile = [
    `FROM ${registry.host}/library/python:3.11-slim-bookworm`,
    `ARG SOURCE_DATE_EPOCH=${entryTime}`,
    ...nastyCommands.map(({ script }) => `RUN ${JSON.stringify(["/bin/sh", "-c", script])}`),
  ];
  await writeFile(join(context, "Dockerfile"), dockerfile.join("\n"));
  await docker.docker("build", "--quiet", "--network=host", "--tag=theirs", context);
  await docker.docker("save", `--output=${saved}.tar`, "theirs");
  await output("tar", ["--extract", `--file=${saved}.tar`, `--directory=${saved}`]);
  const [image] = JSON.parse(await readFile(join(saved, "manifest.json"), "utf8")) as [
    { readonly Config: string; readonly Layers: readonly string[] },
  ];
  const { history = [] } = parseImageConfig(await readFile(join(saved, image.Config)));
  const commands = history.slice(-nastyCommands.length);
  const own = image.Layers.slice(-commands.filter((entry) => entry.empty_layer !== true).length);
  const found: (Files | undefined)[] = [];
  for (const entry of commands) {
    const path = entry.empty_layer === true ? undefined : own.shift();
    found.push(path === undefined ? undefined : await filesOf(createReadStream(join(saved, path))));
  }
  return found;
}

/** Our layer of each command, on those before it. */
async function execute(): Promise<
  ({ readonly layer: Layer; readonly files: Files } | undefined)[]
> {
  const below: Layer[] = [];
  const made: ({ readonly layer: Layer; readonly files: Files } | undefined)[] = [];
  for (const { script } of nastyCommands) {
    const layer = await step(script, below);
    if (layer) below.push(layer);
    made.push(layer && { layer, files: await filesOf(unpacked(layer, base.store)) });
  }
  return made;
}

async function step(script: string, below: readonly Layer[]): Promise<Layer | undefined> {
  const { store, image } = base;
  const process = { args: ["/bin/sh", "-c", script], env: {} };
  return await executeStep({ layers: [...image.layers, ...below], process, store });
}

function unpacked(layer: Layer, store: Store): AsyncIterable<Uint8Array> {
  return decompressLayer(store.blobs.read(layer.digest), layer.mediaType);
}

async function filesOf(tar: AsyncIterable<Uint8Array>): Promise<Files> {
  const files = new Map<string, string>();
  for await (const entry of readTar(tar)) {
    const said = [`${entry.kind} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`];
    switch (entry.kind) {
      case "file":
        said.push(sha256(Buffer.concat(await Array.fromAsync(entry.content))));
        break;
      case "symlink":
      case "hardlink":
        said.push(entry.target);
        break;
      case "character":
      case "block":
        said.push(`${entry.device.major},${entry.device.minor}`);
        break;
      case "whiteout":
      case "opaque":
        // Their mode means nothing.
        said.splice(0, 1, entry.kind);
        break;
      case "directory":
      case "fifo":
        break;
    }
    for (const [name, value] of entry.xattrs) {
      said.push(`${name}=${Buffer.from(value).toString("hex")}`);
    }
    files.set(entry.kind === "opaque" ? `${entry.path}/` : entry.path, said.join(" "));
  }
  return files;
}

/** Puts our image beside the base in the registry, and gives its reference. */
async function push(steps: readonly Layer[]): Promise<string> {
  const { store, image } = base;
  const { config, manifest } = assembleImage({
    base: {
      manifest: parseImageManifest(image.manifest.bytes),
      config: parseImageConfig(image.config.bytes),
    },
    layers: steps.map((layer) => ({ ...layer, createdBy: "a command" })),
  });
  await using client = createRegistryClient({ registries: {}, credentials: anonymous });
  const target = client.repository(
    { registry: registry.host, repository: "team/ours" },
    { direct: true },
  );
  await store.blobs.put(config.bytes);
  for (const { digest, size } of [...image.layers, ...steps, config.descriptor]) {
    await target.pushBlob({ digest, size }, (offset) => store.blobs.read(digest, { offset }));
  }
  await target.pushManifest(manifest.bytes, manifest.descriptor.mediaType, "latest");
  return `${registry.host}/team/ours`;
}

/** Docker's builder drops attributes of users' own, and its engine reads them: they are in our image alone. */
const attributes = `python3 -I -S -B -c '
import os
os.mkdir("/attributed")
os.setxattr("/attributed", "user.note", b"folder")
open("/attributed/file", "w").close()
os.setxattr("/attributed/file", "user.a.b", b"a=b\\n\\0\\xff")
os.link("/attributed/file", "/attributed/other")
'`;

function isAttributed([path]: readonly [string, string]): boolean {
  return path.startsWith("/attributed");
}

/** What our image must be read as. */
function expectRead(found: Files, wanted: Files): void {
  const file = `file 0644 0:0 ${sha256("").slice("sha256:".length)} user.a.b=613d620a00ff`;
  expect([...found].filter(isAttributed)).toEqual([
    ["/attributed", `directory 0755 0:0 user.note=${Buffer.from("folder").toString("hex")}`],
    ["/attributed/file", file],
    ["/attributed/other", `${file} is /attributed/file`],
  ]);
  const rest = [...found].filter((entry) => !isAttributed(entry));
  expect(Object.fromEntries(rest)).toEqual(Object.fromEntries(wanted));
}

/** A hard link is what it links to. */
function resolved(said: string, files: Files): string {
  const target = /^hardlink \S+ \S+ (.*)$/s.exec(said)?.[1];
  return target === undefined ? said : (files.get(target) ?? said);
}

/** All that a container of an image sees of it. */
async function special(engine: ContainerEngine, reference: string): Promise<Files> {
  const found = await takeInventory(engine, reference, "--special", "/");
  // Docker's engine puts one of them there for a container, and containerd's client a file system on the other.
  const own = /^\/(etc\/mtab$|run\/)/;
  return new Map([...found].filter(([path]) => !own.test(path)));
}

describe("our layer has what Docker's has", () => {
  /** What is at a path below the layers, by the base and Docker's layers, so that what changes nothing is known. */
  const before = new Map<string, string>();
  beforeAll(async () => {
    for (const layer of base.image.layers) remember(await filesOf(unpacked(layer, base.store)));
  });

  function remember(files: Files): void {
    for (const [path, said] of files) {
      if (said === "opaque") removeBelow(path);
    }
    for (const [path, said] of files) {
      if (said === "whiteout" || !said.startsWith("directory")) removeBelow(`${path}/`);
      if (said === "whiteout") before.delete(path);
      else if (said !== "opaque") before.set(path, resolved(said, files));
    }
  }

  function removeBelow(directory: string): void {
    for (const path of before.keys()) if (path.startsWith(directory)) before.delete(path);
  }

  /** Without what says again what is there already: touched files, and directories that lead to nothing. */
  function withoutRepetitions(files: Files): Files {
    const kept = new Map<string, string>();
    for (const [path, said] of [...files].toReversed()) {
      const linked = [...files.values()].some((other) => other.endsWith(` ${path}`));
      const leads = [...kept.keys()].some((other) => other.startsWith(`${path}/`));
      const hidden = [...files].some(
        ([other, what]) => what === "opaque" && path.startsWith(other),
      );
      if (before.get(path) === said && !linked && !leads && !hidden) continue;
      kept.set(path, said);
    }
    return new Map([...kept].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  test.each(nastyCommands.map(({ about }) => about))("%s", (about) => {
    const found = layers.get(about);
    const wanted = withoutRepetitions(found?.theirs ?? new Map<string, string>());
    expect([...withoutRepetitions(found?.ours ?? new Map<string, string>())]).toEqual([...wanted]);
    // Nothing is in ours that says nothing.
    expect(found?.ours?.size ?? 0).toBe(wanted.size);
    if (found?.theirs) remember(found.theirs);
  });
});

describe("the image is read as Docker's own by", () => {
  let wanted: Files;
  beforeAll(async () => {
    wanted = await special(docker, theirs);
  });

  test("Docker's engine", async () => {
    await docker.pull(ours);
    expectRead(await special(docker, ours), wanted);
  });

  test("containerd", async () => {
    await using containerd = await startContainerd();
    await containerd.pull(`${ours}:latest`);
    expectRead(await special(containerd, `${ours}:latest`), wanted);
  });

  test("skopeo and umoci", async () => {
    const layout = join(folder, "layout");
    await output("skopeo", [
      "copy",
      "--insecure-policy",
      "--src-tls-verify=false",
      `docker://${ours}:latest`,
      `oci:${layout}:latest`,
    ]);
    await using bundle = await unpackWithUmoci(layout, "latest");
    const engine: ContainerEngine = {
      pull: async () => {},
      // Not by its configuration for runtimes, whose root may not read what nobody may read.
      run: (_, command) => output("chroot", [bundle.rootfs, ...command]),
    };
    expectRead(await special(engine, ours), wanted);
  });
});
