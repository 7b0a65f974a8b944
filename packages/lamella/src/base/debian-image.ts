import { join } from "node:path";
import type { FileEntry } from "../files/entry.ts";
import { architecture, machinePlatform, type Platform } from "../image/platform.ts";
import { type AssembledImage, assembleImage } from "../oci/assemble.ts";
import { writeLayer } from "../oci/layer.ts";
import { mediaType } from "../oci/media-type.ts";
import type { Store } from "../store/store.ts";
import { debianSources } from "./apt-sources.ts";
import { type DebianRootOptions, debianRoot } from "./debian-root.ts";
import { runMmdebstrap } from "./mmdebstrap.ts";
import type { Outline } from "./outline.ts";
import { encodeOutlineAnnotation, outlineAnnotation, outlineKey } from "./outline-annotation.ts";
import { readOutline } from "./read-outline.ts";

export interface DebianImageOptions {
  /** Debian's code name of a release: `bookworm`, `trixie`, `sid`. */
  readonly suite: string;
  /** Whether Python (the suite's) and its `venv` are in it. */
  readonly python: boolean;
  /** Whether this machine's archives are named in it, so that apt-get works in what is made of it. */
  readonly keepsSources?: boolean | undefined;
  readonly platform: Platform;
  /** Where the image's blobs are put. */
  readonly store: Store;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Told each line that mmdebstrap says. */
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface DebianImage {
  /** Its blobs are in the store. */
  readonly image: AssembledImage;
  readonly outline: Outline;
}

/**
 * Makes a small Debian image of one layer: what is essential, CA certificates, and Python where it is wanted, callable as
 * `python` and `python3` from /usr/local/bin, where Docker's Python images have theirs. The same packages give the same
 * digest on every machine of one kind. For another platform than the machine's the packages are unpacked and not set up
 * (`unpacked-root.ts`), since nothing is emulated. Its manifest carries its outline. Raises what runMmdebstrap and debianRoot raise.
 */
export async function makeDebianImage(options: DebianImageOptions): Promise<DebianImage> {
  const { suite, python, keepsSources, platform, store, env, signal } = options;
  await using scratch = await store.scratch("bootstrap");
  const tar = join(scratch.path, "root.tar");
  await runMmdebstrap({
    suite,
    packages: ["ca-certificates", ...(python ? ["python3", "python3-venv"] : [])],
    architecture: architecture(platform),
    configured: platform === machinePlatform(),
    sources: await debianSources(suite, { env, signal }),
    target: tar,
    temporary: scratch.path,
    env,
    signal,
    onLine: options.onLine,
  });
  const read = signal === undefined ? {} : { signal };
  await using writer = await store.blobs.create();
  const { diffId } = await writeLayer(entries(tar, python, { keepsSources, signal }), writer, read);
  const blob = await writer.commit();
  const layer = { mediaType: mediaType.layerGzip, ...blob, diffId };
  const source = { ...layer, open: () => store.blobs.read(layer.digest, read) };
  const outline = await readOutline([source], { config: { Env: environment } }, read);
  const carried = encodeOutlineAnnotation(outline, outlineKey([diffId], environment));
  const image = assembleImage({
    platform: { os: "linux", architecture: architecture(platform) },
    layers: [{ ...layer, createdBy: `lamella base bootstrap --suite ${suite}` }],
    changes: {
      env: Object.fromEntries(environment.map((variable) => splitOnce(variable, "="))),
      command: [python ? "python3" : "bash"],
      labels: {
        "org.opencontainers.image.description": description(options, outline),
      },
    },
    ...(carried !== undefined && { annotations: { [outlineAnnotation]: carried } }),
  });
  for (const document of [image.config, image.manifest]) await store.blobs.put(document.bytes);
  return { image, outline };
}

/** As in Docker's Python images. */
const environment = [
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "LANG=C.UTF-8",
];

const programs = "usr/local/bin";

async function* entries(
  tar: string,
  python: boolean,
  options: DebianRootOptions,
): AsyncGenerator<FileEntry, void, void> {
  for await (const entry of debianRoot(tar, options)) {
    yield entry;
    if (!python || entry.path !== programs) continue;
    for (const name of ["python", "python3"]) {
      yield { kind: "symlink", path: `${programs}/${name}`, target: "/usr/bin/python3" };
    }
  }
}

function description({ suite }: DebianImageOptions, { python }: Outline): string {
  const version = python?.version ?? python?.python;
  return `Debian ${suite}${version === undefined ? "" : ` with Python ${version}`}`;
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + separator.length)];
}
