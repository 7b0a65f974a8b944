/** Names of the annotations that Lamella writes (image-spec annotations.md: reverse domain notation). */
export const annotation = {
  /** Of a manifest or index: the identifier of the definition. */
  identifier: "dev.lamella.identifier",
  /** Of a layer: what it holds, for people. */
  title: "dev.lamella.title",
  /** Of a layer: the kind of the step that made it. */
  kind: "dev.lamella.kind",
  /** Of a layer: its packages with version and digest, as JSON. */
  packages: "dev.lamella.packages",
  /** Of a manifest: the base that it stands on (image-spec annotations.md). */
  baseName: "org.opencontainers.image.base.name",
  baseDigest: "org.opencontainers.image.base.digest",
} as const;
