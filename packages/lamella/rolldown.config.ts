import { copyFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { defineConfig, type Plugin } from "rolldown";

const out = "dist";

/** Files that are read at run time beside the module that names them, and so lie beside the bundle. */
function dataFiles(folder: string, extension: string): Plugin {
  return {
    name: "data-files",
    async writeBundle() {
      const names = (await readdir(folder)).filter((name) => name.endsWith(extension));
      await Promise.all(names.map((name) => copyFile(join(folder, name), join(out, name))));
    },
  };
}

/**
 * One bundle for the CLI and the library, dependencies included: starting is mostly the finding and compiling of
 * files. All of it lies flat in `dist/`, so that modules find workers and data beside themselves (`import.meta.url`).
 * Names and lines are kept: a stack trace can be read, and no source maps are shipped.
 */
export default defineConfig({
  input: {
    index: "src/index.ts",
    cli: "src/cli/bin.ts",
    oci: "src/oci/index.ts",
    registry: "src/registry/index.ts",
    engine: "src/engine/index.ts",
    "layer-worker": "src/engine/layer-worker.ts",
  },
  platform: "node",
  plugins: [dataFiles("src/python", ".py")],
  output: {
    dir: out,
    cleanDir: true,
    chunkFileNames: "chunk-[name].js",
    legalComments: "inline",
    minify: "dce-only",
  },
});
