import { copyFile, glob } from "node:fs/promises";
import { basename, join } from "node:path";
import { defineConfig, type Plugin, type RolldownOptions } from "rolldown";

const out = "dist";

/** Files that are read at run time beside the module that names them, and so lie beside the bundle. */
function dataFiles(pattern: string): Plugin {
  return {
    name: "data-files",
    async writeBundle() {
      for await (const path of glob(pattern)) await copyFile(path, join(out, basename(path)));
    },
  };
}

/**
 * One bundle for the CLI and the library, dependencies included: starting is mostly the finding and compiling of
 * files. All of it lies flat in `dist/`, so that modules find workers and data beside themselves (`import.meta.url`).
 * Names and lines are kept: a stack trace can be read, and no source maps are shipped.
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
  plugins: [dataFiles("src/**/*.py")],
  output: {
    dir: out,
    cleanDir: true,
    chunkFileNames: "chunk-[name].js",
    comments: { legal: true },
    minify: "dce-only",
  },
});
export default config;
