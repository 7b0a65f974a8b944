import { describe, expect, test } from "vitest";
import { sha256 } from "../files/digest.ts";
import { imageLayers, parseImageConfig } from "./config.ts";
import {
  DockerSchema1Error,
  InvalidDocumentError,
  MissingDiffIdsError,
  NonDistributableLayerError,
  PlatformNotFoundError,
  UnsupportedMediaTypeError,
} from "./error.ts";
import { assembleIndex, indexPlatforms, parseIndex, selectPlatform } from "./index-document.ts";
import { isIndex, parseImageManifest, parseManifest } from "./manifest.ts";
import { mediaType } from "./media-type.ts";

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const blob = (name: string, type: string) => ({
  mediaType: type,
  digest: sha256(name),
  size: name.length,
});

const manifest = {
  schemaVersion: 2,
  mediaType: mediaType.dockerManifest,
  config: blob("config", mediaType.dockerConfig),
  layers: [blob("one", mediaType.dockerLayerGzip), blob("two", mediaType.layerZstd)],
};
const config = {
  architecture: "amd64",
  os: "linux",
  config: { Env: ["PATH=/bin"], Cmd: null, OnBuild: ["RUN true"] },
  rootfs: { type: "layers", diff_ids: [sha256("1"), sha256("2")] },
  history: [{ created_by: "a" }, { created_by: "b", empty_layer: true }, { created_by: "c" }],
  "moby.buildkit.buildinfo.v1": "e30=",
};

describe("manifests", () => {
  test("Docker's and OCI's are read, unknown fields are kept, null counts as absent", () => {
    expect(parseManifest(json({ ...manifest, extra: { a: 1 }, annotations: null }))).toEqual({
      ...manifest,
      extra: { a: 1 },
    });
    const { mediaType: _, ...untyped } = manifest;
    expect(parseImageManifest(json(untyped))).toEqual(untyped);
  });

  test("an index is told from a manifest, with and without its media type", () => {
    const index = { schemaVersion: 2, manifests: [blob("m", mediaType.manifest)] };
    for (const bytes of [
      json(index),
      json({ ...index, mediaType: mediaType.dockerManifestList }),
    ]) {
      expect(isIndex(parseManifest(bytes))).toBe(true);
      expect(() => parseImageManifest(bytes)).toThrow(InvalidDocumentError);
    }
    expect(isIndex(parseManifest(json(manifest)))).toBe(false);
  });

  test.each<[string, unknown, new (...args: never[]) => Error]>([
    ["schema 1", { schemaVersion: 1, fsLayers: [], history: [] }, DockerSchema1Error],
    [
      "signed schema 1",
      { schemaVersion: 2, mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws" },
      DockerSchema1Error,
    ],
    [
      "a layer of Windows",
      {
        ...manifest,
        layers: [blob("w", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")],
      },
      NonDistributableLayerError,
    ],
    [
      "a layer that is not to be distributed",
      {
        ...manifest,
        layers: [blob("w", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")],
      },
      NonDistributableLayerError,
    ],
    [
      "a layer of another kind",
      { ...manifest, layers: [blob("w", "text/plain")] },
      UnsupportedMediaTypeError,
    ],
    [
      "an artifact",
      { ...manifest, config: blob("c", "application/vnd.oci.empty.v1+json") },
      UnsupportedMediaTypeError,
    ],
    ["another document", { ...manifest, mediaType: "application/json" }, UnsupportedMediaTypeError],
    ["two documents in one", { ...manifest, manifests: [] }, InvalidDocumentError],
    [
      "two documents in an index",
      { ...manifest, mediaType: mediaType.index, manifests: [] },
      InvalidDocumentError,
    ],
    ["no layers", { ...manifest, layers: undefined }, InvalidDocumentError],
    [
      "another digest",
      { ...manifest, config: { ...manifest.config, digest: "sha512:00" } },
      InvalidDocumentError,
    ],
    [
      "a negative size",
      { ...manifest, config: { ...manifest.config, size: -1 } },
      InvalidDocumentError,
    ],
    [
      "a huge size",
      { ...manifest, config: { ...manifest.config, size: 2 ** 60 } },
      InvalidDocumentError,
    ],
    ["annotations that are no text", { ...manifest, annotations: { a: 1 } }, InvalidDocumentError],
    ["a list", [manifest], InvalidDocumentError],
    ["nothing", null, InvalidDocumentError],
  ])("%s is refused", (_, value, error) => {
    expect(() => parseManifest(json(value))).toThrow(error);
  });

  test.each<[string, Uint8Array]>([
    ["bytes that are no JSON", Buffer.from("<html>")],
    ["bytes that are no UTF-8", Buffer.from('{"a":"\xff"}', "latin1")],
    [
      "a deep nest",
      Buffer.from(`{"schemaVersion":2,"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
    ],
    ["too many bytes", Buffer.alloc(9 << 20, " ")],
  ])("%s is refused", (_, bytes) => {
    expect(() => parseManifest(bytes)).toThrow(InvalidDocumentError);
    expect(() => parseIndex(bytes)).toThrow(InvalidDocumentError);
    expect(() => parseImageConfig(bytes)).toThrow(InvalidDocumentError);
  });
});

describe("configs", () => {
  test("unknown fields are kept, a history that agrees is kept", () => {
    const { Cmd: _, ...container } = config.config;
    expect(parseImageConfig(json(config))).toEqual({ ...config, config: container });
  });

  test("a history that disagrees with the diff IDs is dropped", () => {
    const parsed = parseImageConfig(json({ ...config, history: config.history.slice(1) }));
    expect(parsed.history).toBeUndefined();
    expect("moby.buildkit.buildinfo.v1" in parsed).toBe(true);
  });

  test.each<[string, unknown]>([
    ["no rootfs", { ...config, rootfs: undefined }],
    ["null diff IDs", { ...config, rootfs: { type: "layers", diff_ids: null } }],
  ])("%s is refused by name", (_, value) => {
    expect(() => parseImageConfig(json(value))).toThrow(MissingDiffIdsError);
  });

  test.each<[string, unknown]>([
    ["a diff ID that is none", { ...config, rootfs: { type: "layers", diff_ids: ["x"] } }],
    ["an environment that is none", { ...config, config: { Env: "A=1" } }],
    ["no architecture", { ...config, architecture: undefined }],
  ])("%s is refused", (_, value) => {
    expect(() => parseImageConfig(json(value))).toThrow(InvalidDocumentError);
  });

  test("layers get their diff IDs, as many as there are", () => {
    const image = parseImageManifest(json(manifest));
    expect(imageLayers(image, parseImageConfig(json(config))).map((layer) => layer.diffId)).toEqual(
      config.rootfs.diff_ids,
    );
    const fewer = { ...config, rootfs: { type: "layers", diff_ids: [sha256("1")] } };
    expect(() => imageLayers(image, parseImageConfig(json(fewer)))).toThrow(MissingDiffIdsError);
  });
});

describe("indexes", () => {
  const entry = (name: string, os: string, architecture: string, variant?: string) => ({
    ...blob(name, mediaType.manifest),
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
  });
  const index = parseIndex(
    json({
      schemaVersion: 2,
      manifests: [
        blob("no platform", mediaType.manifest),
        entry("attestation", "unknown", "unknown"),
        entry("fast", "linux", "amd64", "v3"),
        entry("amd64", "linux", "amd64"),
        entry("arm", "linux", "arm", "v7"),
        entry("arm64", "linux", "arm64", "v8"),
      ],
    }),
  );

  test("the manifest for a platform is found", () => {
    expect(selectPlatform(index, "linux/amd64").digest).toBe(sha256("amd64"));
    expect(selectPlatform(index, "linux/arm64").digest).toBe(sha256("arm64"));
  });

  test("a platform that is not there is refused with those that are", () => {
    for (const platform of ["linux/arm", "windows/amd64", "unknown/unknown"]) {
      expect(() => selectPlatform(index, platform)).toThrow(PlatformNotFoundError);
    }
    expect(indexPlatforms(index)).toEqual([
      "linux/amd64/v3",
      "linux/amd64",
      "linux/arm/v7",
      "linux/arm64/v8",
    ]);
  });

  test("an index that is put together parses to itself", () => {
    const manifests = [entry("amd64", "linux", "amd64"), entry("arm64", "linux", "arm64")];
    const document = assembleIndex(manifests, { note: "x" });
    expect(document.descriptor).toEqual({
      mediaType: mediaType.index,
      digest: sha256(document.bytes),
      size: document.bytes.length,
    });
    expect(parseManifest(document.bytes)).toEqual({
      schemaVersion: 2,
      mediaType: mediaType.index,
      manifests,
      annotations: { note: "x" },
    });
  });
});
