import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildResult } from "../packages/lamella/src/engine/result.ts";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import { startDockerEngine } from "../packages/lamella/testing/docker-engine.ts";
import {
  type RunningRegistry,
  startRegistry,
} from "../packages/lamella/testing/docker-registry.ts";
import { temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { directory, file, makeLayer } from "../packages/lamella/testing/made-base.ts";
import { writeTinyWheels } from "../packages/lamella/testing/tiny-wheel.ts";
import { build, createProject, debianImage, type Project, removeBlobs } from "./project.ts";
import { type PublishedImage, type PublishedLayer, publishedImage } from "./published-image.ts";
import { withTraffic } from "./registry-traffic.ts";

// What travels, by the word of the registries themselves: their access logs.

describe("the base's layers", () => {
  test("are not downloaded when the base carries its outline, by a machine that knows nothing", async () => {
    await using registry = await startMirror();
    await using project = await smallProject(registry.host, registry.host);

    const first = await withTraffic(registry, () => build(project));

    const base = baseLayers(first.result);
    expect(base.length).toBeGreaterThan(0);
    expect(blobsAmong(base, first.downloads)).toEqual([]);
    expect(first.mounts.toSorted()).toEqual(base.toSorted());
  });

  test("are downloaded once to read an outline, and never again, though the blob store is empty", async () => {
    await using registry = await startMirror({ above: [await layerAbove()] });
    await using project = await smallProject(registry.host, registry.host);

    const first = await withTraffic(registry, () => build(project));

    // The base below carries an outline, which does not fit with a layer above: the layers are read.
    const base = baseLayers(first.result);
    expect(base).toHaveLength(2);
    expect(blobsAmong(base, first.downloads)).toEqual(base.toSorted());

    await removeBlobs(project);
    await project.write("src/main.py", "print('changed')\n");
    await project.write("image.ts", imageWith(registry.host, "elsewhere", "alpha", "beta"));
    const second = await withTraffic(registry, () => build(project));

    expect(second.result.digest).not.toBe(first.result.digest);
    expect(blobsAmong(base, second.downloads)).toEqual([]);
    expect(second.mounts.toSorted()).toEqual(base.toSorted());
  });

  test("cross once from one registry to another, and are known there from then on", async () => {
    await using source = await startMirror({ above: [await layerAbove()] });
    await using target = await startRegistry();
    await using project = await smallProject(source.host, target.host);

    const first = await withTraffic(target, () => withTraffic(source, () => build(project)));

    const base = baseLayers(first.result.result);
    expect(base).toHaveLength(2);
    expect(blobsAmong(base, first.result.downloads)).toEqual(base.toSorted());
    expect(blobsAmong(base, first.uploads)).toEqual(base.toSorted());

    await removeBlobs(project);
    await project.write("src/main.py", "print('changed')\n");
    const second = await withTraffic(target, () => withTraffic(source, () => build(project)));

    expect(second.result.result.digest).not.toBe(first.result.result.digest);
    expect(blobsAmong(base, second.result.downloads)).toEqual([]);
    expect(blobsAmong(base, second.uploads)).toEqual([]);
  });

  test("cross once where the outline is known beforehand", async () => {
    await using source = await startMirror();
    await using target = await startRegistry();
    await using project = await smallProject(source.host, target.host);

    const first = await withTraffic(target, () => withTraffic(source, () => build(project)));

    const base = baseLayers(first.result.result);
    expect(base.length).toBeGreaterThan(0);
    expect(blobsAmong(base, first.result.downloads)).toEqual(base.toSorted());
    expect(blobsAmong(base, first.uploads)).toEqual(base.toSorted());
  });
});

describe("a change of the iris image", () => {
  let registry: RunningRegistry;
  let project: Project;
  let first: PublishedImage;
  let open: AsyncDisposableStack;

  beforeAll(async () => {
    await using opening = new AsyncDisposableStack();
    registry = opening.use(await startMirror());
    project = opening.use(
      await createProject({
        mirror: registry.host,
        definition: imageWith(registry.host, "iris", "scikit-learn", "pandas"),
        files: { "src/train.py": "print('one')\n", "src/model/params.json": "{}\n" },
      }),
    );
    first = await published(await build(project));
    open = opening.move();
  });
  afterAll(() => open?.disposeAsync());

  /** Builds the project as it is now, and then says what of it went to the registry. */
  async function change(): Promise<Change> {
    const traffic = await withTraffic(registry, () => build(project));
    const image = await published(traffic.result);
    return {
      image,
      layers: image.layers.filter(({ digest }) => traffic.uploads.includes(digest)),
      others: traffic.uploads.filter(
        (digest) => !image.layers.some((layer) => layer.digest === digest),
      ),
      manifests: traffic.manifests,
    };
  }

  interface Change {
    readonly image: PublishedImage;
    /** The layers that were uploaded. */
    readonly layers: readonly PublishedLayer[];
    /** Digests of the other blobs that were. */
    readonly others: readonly string[];
    readonly manifests: readonly string[];
  }

  test("that changes nothing uploads nothing", async () => {
    const again = await withTraffic(registry, () => build(project));

    expect(again.result).toMatchObject({ digest: first.digest, upToDate: true });
    expect(again.writes).toEqual([]);
  });

  test("in one source file uploads the source layer and the documents", async () => {
    await project.write("src/train.py", "print('two')\n");

    const { image, layers, others, manifests } = await change();

    expect(image.digest).not.toBe(first.digest);
    expect(layers.map(({ kind }) => kind)).toEqual(["source"]);
    expect(others).toEqual([image.config]);
    expect(manifests).toHaveLength(1);
  });

  test("by one small package uploads its bucket, the bucket of its bytecode and the documents", async () => {
    await project.write(
      "image.ts",
      imageWith(registry.host, "iris", "scikit-learn", "pandas", "six"),
    );

    const { image, layers, others, manifests } = await change();

    expect(first.layers.flatMap(({ packages }) => packages)).not.toContain("six");
    expect(layers.map(({ kind }) => kind).toSorted()).toEqual(["bytecode", "wheels"]);
    for (const { packages } of layers) expect(packages).toContain("six");
    expect(others).toEqual([image.config]);
    expect(manifests).toHaveLength(1);
    // Small: a bucket holds no large wheel.
    expect(bytesOf(layers)).toBeLessThan(bytesOf(image.layers) / 20);
  });

  describe("by one small package, when a machine pulls it that has the image before,", () => {
    let before: PublishedImage;
    let after: PublishedImage;

    beforeAll(async () => {
      await project.write("image.ts", imageWith(registry.host, "iris", "scikit-learn", "pandas"));
      before = await published(await build(project));
      await project.write(
        "image.ts",
        imageWith(registry.host, "iris", "scikit-learn", "pandas", "six"),
      );
      after = await published(await build(project));
    });

    test("sends what is new to whoever keeps blobs by their digests", async () => {
      await using layout = await temporaryFolder();
      const pull = ({ digest }: PublishedImage, tag: string) =>
        withTraffic(registry, () =>
          promisify(execFile)("skopeo", [
            "copy",
            "--src-tls-verify=false",
            `docker://${registry.host}/iris@${digest}`,
            `oci:${layout.path}:${tag}`,
          ]),
        );

      const all = await pull(before, "before");
      const changed = await pull(after, "after");

      expect(all.downloads.toSorted()).toEqual(blobsOf(before).toSorted());
      const there = new Set(blobsOf(before));
      const missing = blobsOf(after).filter((digest) => !there.has(digest));
      expect(changed.downloads.toSorted()).toEqual(missing.toSorted());
      expect(changed.downloaded).toBeLessThan(all.downloaded / 20);
    });

    test("sends what is new and the few small layers above it to Docker, which goes by chains", async () => {
      await using engine = await startDockerEngine();
      const name = ({ digest }: PublishedImage): string => `${registry.host}/iris@${digest}`;

      const all = await withTraffic(registry, () => engine.pull(name(before)));
      const changed = await withTraffic(registry, () => engine.pull(name(after)));
      const said = await engine.run(name(after), [
        "python",
        "-c",
        "import pandas, six, sklearn; print(six.__name__)",
      ]);

      expect(said.trim()).toBe("six");
      expect(all.downloads.toSorted()).toEqual(blobsOf(before).toSorted());
      const firstNew = after.layers.findIndex(
        ({ digest }, index) => digest !== before.layers[index]?.digest,
      );
      const above = after.layers.slice(firstNew);
      expect(changed.downloads.toSorted()).toEqual(
        [after.config, ...above.map(({ digest }) => digest)].toSorted(),
      );
      expect(above.flatMap(({ packages }) => packages)).not.toContain("numpy");
      expect(changed.downloaded).toBeLessThan(all.downloaded / 20);
    });
  });
});

/** The iris example, with its own packages or others. */
function imageWith(registry: string, name: string, ...packages: string[]): string {
  return debianImage(
    registry,
    name,
    `withPipPackages(${packages.map((one) => JSON.stringify(one)).join(", ")})`,
    'withSourceFolder("./src", "/app")',
    'withWorkdir("/app")',
  );
}

/** An image of wheels that take no time, for when the base is what matters. */
async function smallProject(mirror: string, registry: string): Promise<Project> {
  const project = await createProject({
    mirror,
    definition: imageWith(registry, "small", "alpha"),
    files: { "src/main.py": "print('first')\n" },
    wheels: "wheels",
  });
  await writeTinyWheels(join(project.folder, "wheels"), [
    { name: "alpha", version: "1.0" },
    { name: "beta", version: "1.0" },
  ]);
  return project;
}

/** A layer for a base, so that the base's label is about another image and the layers must be read. */
function layerAbove(): ReturnType<typeof makeLayer> {
  return makeLayer([directory("etc"), file("etc/made-by", "a test\n")]);
}

/** Digests of the base's layers in a finished build. */
function baseLayers({ platforms }: BuildResult): string[] {
  return platforms.flatMap(({ layers }) =>
    layers.filter(({ source }) => source === "base").map(({ digest }) => digest),
  );
}

/** Those of `seen` that are in `digests`, as often as they were seen. */
function blobsAmong(digests: readonly string[], seen: readonly string[]): string[] {
  return seen.filter((digest) => digests.includes(digest)).toSorted();
}

function published({ uri, digest }: BuildResult): Promise<PublishedImage> {
  return publishedImage(uri.slice(0, uri.lastIndexOf(":")), digest);
}

function blobsOf({ config, layers }: PublishedImage): string[] {
  return [config, ...layers.map(({ digest }) => digest)];
}

function bytesOf(layers: readonly PublishedLayer[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}
