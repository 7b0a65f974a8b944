import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sha256 } from "../files/digest.ts";
import { assembleImage, type NewLayer } from "./assemble.ts";
import { imageLayers, parseImageConfig } from "./config.ts";
import { MissingDiffIdsError } from "./error.ts";
import { encodeJson } from "./json.ts";
import { parseImageManifest } from "./manifest.ts";
import { mediaType } from "./media-type.ts";

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const blob = (name: string, type: string) => ({
  mediaType: type,
  digest: sha256(name),
  size: name.length,
});

const base = {
  manifest: parseImageManifest(
    json({
      schemaVersion: 2,
      mediaType: mediaType.dockerManifest,
      config: blob("config", mediaType.dockerConfig),
      layers: [
        { ...blob("one", mediaType.dockerLayerGzip), annotations: { toc: "x" } },
        blob("two", mediaType.dockerLayerTar),
      ],
      annotations: { "org.opencontainers.image.version": "1 of the base" },
    }),
  ),
  config: parseImageConfig(
    json({
      architecture: "arm64",
      os: "linux",
      variant: "v8",
      "os.features": ["x"],
      created: "2024-01-01T00:00:00Z",
      config: {
        Env: ["PATH=/bin", "LANG=C", "LANG=C.UTF-8"],
        Cmd: ["bash"],
        Labels: { a: "1", b: "2" },
        StopSignal: "SIGINT",
      },
      rootfs: { type: "layers", diff_ids: [sha256("1"), sha256("2")] },
      history: [{ created_by: "a" }, { created_by: "b", empty_layer: true }, { created_by: "c" }],
    }),
  ),
};

const layer: NewLayer = {
  ...blob("new", mediaType.layerGzip),
  diffId: sha256("3"),
  createdBy: "lamella: numpy 2.0",
  annotations: { "lamella.package": "numpy" },
};

describe("an image", () => {
  test("on a base of Docker's", () => {
    const image = assembleImage({
      base,
      layers: [layer],
      changes: {
        env: { LANG: "de", NEW: "a=b" },
        workdir: "/app",
        user: "1000",
        labels: { b: "3", c: "4" },
      },
      annotations: { "org.opencontainers.image.base.name": "docker.io/library/python:3" },
    });
    const manifest = parseImageManifest(image.manifest.bytes);
    const config = parseImageConfig(image.config.bytes);
    expect(manifest).toEqual({
      schemaVersion: 2,
      mediaType: mediaType.manifest,
      config: image.config.descriptor,
      layers: [
        { ...blob("one", mediaType.layerGzip), annotations: { toc: "x" } },
        blob("two", mediaType.layerTar),
        { ...blob("new", mediaType.layerGzip), annotations: { "lamella.package": "numpy" } },
      ],
      annotations: { "org.opencontainers.image.base.name": "docker.io/library/python:3" },
    });
    expect(config).toEqual({
      architecture: "arm64",
      os: "linux",
      variant: "v8",
      "os.features": ["x"],
      created: "1980-01-02T00:00:00Z",
      config: {
        Env: ["PATH=/bin", "LANG=de", "NEW=a=b"],
        Cmd: ["bash"],
        Labels: { a: "1", b: "3", c: "4" },
        StopSignal: "SIGINT",
        WorkingDir: "/app",
        User: "1000",
      },
      rootfs: { type: "layers", diff_ids: [sha256("1"), sha256("2"), sha256("3")] },
      history: [
        { created_by: "a" },
        { created_by: "b", empty_layer: true },
        { created_by: "c" },
        { created: "1980-01-02T00:00:00Z", created_by: "lamella: numpy 2.0" },
      ],
    });
    expect(image.layers).toEqual(imageLayers(manifest, config));
    expect(image.manifest.descriptor).toEqual({
      mediaType: mediaType.manifest,
      digest: sha256(image.manifest.bytes),
      size: image.manifest.bytes.length,
      platform: { architecture: "arm64", os: "linux", variant: "v8" },
    });
    expect(image.config.descriptor).toEqual({
      mediaType: mediaType.config,
      digest: sha256(image.config.bytes),
      size: image.config.bytes.length,
    });
  });

  test("on nothing, with its own time", () => {
    const image = assembleImage({
      platform: { os: "linux", architecture: "amd64" },
      layers: [layer],
      changes: { entrypoint: ["/run"], command: [] },
      created: "2026-01-01T00:00:00Z",
    });
    expect(parseImageConfig(image.config.bytes)).toEqual({
      architecture: "amd64",
      os: "linux",
      created: "2026-01-01T00:00:00Z",
      config: { Entrypoint: ["/run"], Cmd: [] },
      rootfs: { type: "layers", diff_ids: [sha256("3")] },
      history: [{ created: "2026-01-01T00:00:00Z", created_by: "lamella: numpy 2.0" }],
    });
  });

  test("a base without a history gets one that agrees with its layers", () => {
    const { history: _, ...silent } = base.config;
    const image = assembleImage({ base: { ...base, config: silent }, layers: [layer] });
    expect(parseImageConfig(image.config.bytes).history).toHaveLength(3);
  });

  test("the base's documents must agree", () => {
    const config = { ...base.config, rootfs: { ...base.config.rootfs, diff_ids: [] } };
    expect(() => assembleImage({ base: { ...base, config }, layers: [] })).toThrow(
      MissingDiffIdsError,
    );
  });

  test("golden digest", () => {
    const image = assembleImage({ base, layers: [layer], changes: { env: { A: "1" } } });
    expect(image.manifest.descriptor.digest).toBe(
      "sha256:4b78645f686f48c8f1e78a7a6b961f3954be02db4d918d06a202ec93fb9fb576",
    );
  });
});

describe("canonical JSON", () => {
  test("the order of keys does not matter, that of lists does", () => {
    expect(
      Buffer.from(
        encodeJson({ 9: 0, b: [2, 1], 10: 0, a: { d: "ü", c: null }, e: undefined }),
      ).toString(),
    ).toBe('{"10":0,"9":0,"a":{"c":null,"d":"ü"},"b":[2,1]}');
  });

  test("any value comes back, and its shuffled twin gives the same bytes", () => {
    const shuffled = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(shuffled)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, item]) => [key, shuffled(item)]),
            )
          : value;
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const bytes = Buffer.from(encodeJson(value));
        expect(JSON.parse(bytes.toString())).toEqual(JSON.parse(JSON.stringify(value)));
        expect(bytes.equals(encodeJson(shuffled(value)))).toBe(true);
      }),
    );
  });
});
