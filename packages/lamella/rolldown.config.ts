import { defineConfig, type RolldownOptions } from "rolldown";

/**
 * One bundle for the CLI and the library, dependencies included: starting is mostly the finding and compiling of
 * files. All of it lies flat in `dist/`, so that modules find each other and their workers beside themselves
 * (`import.meta.url`). Names and lines are kept: a stack trace can be read, and no source maps are shipped.
 */
const config: RolldownOptions = defineConfig({
  input: {
    index: "src/index.ts",
    cli: "src/cli/bin.ts",
    oci: "src/oci/index.ts",
    registry: "src/registry/index.ts",
    engine: "src/engine/index.ts",
    "layer-worker": "src/engine/materialize/layer-worker.ts",
  },
  platform: "node",
  // The oldest Node that is supported: it does not know `using`.
  transform: { target: "node22.18" },
  output: {
    dir: "dist",
    cleanDir: true,
    chunkFileNames: "chunk-[name].js",
    comments: { legal: true },
    minify: "dce-only",
  },
});
export default config;
