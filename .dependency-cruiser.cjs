// The allowed import edges between the folders of packages/lamella/src: a list, not an order. An edge that is not
// here is an error, so `python` can never learn of `oci`, nor a file-only build of `execution`.
const edges = {
  files: [],
  image: ["files"],
  oci: ["files"],
  store: ["files"],
  config: ["files", "image"],
  registry: ["files", "image", "oci"],
  python: ["files", "image", "store"],
  base: ["files", "image", "oci", "registry", "store"],
  execution: ["files", "image", "oci", "store"],
  engine: ["files", "image", "oci", "store", "config", "registry", "python", "base", "execution"],
  builders: ["files", "image", "config", "store", "engine"],
  cli: ["files", "image", "oci", "store", "config", "registry", "base", "execution", "engine", "builders"],
};

const src = "^packages/lamella/src";

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } },
    ...Object.entries(edges).map(([folder, allowed]) => ({
      name: `${folder}-edges`,
      severity: "error",
      from: { path: `${src}/${folder}/`, pathNot: "\\.test(-d)?\\.ts$" },
      to: { path: `${src}/`, pathNot: `${src}/(error\\.ts$|(${[folder, ...allowed].join("|")})/)` },
    })),
    { name: "cli-is-a-leaf", severity: "error", from: { pathNot: `${src}/cli/|\\.test\\.ts$` }, to: { path: `${src}/cli/` } },
    {
      name: "no-dev-dependency",
      severity: "error",
      from: { path: src, pathNot: "\\.test(-d)?\\.ts$" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
