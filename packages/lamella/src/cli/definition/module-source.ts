import { stripTypeScriptTypes } from "node:module";
import { compileFunction } from "node:vm";

/** The JavaScript in a TypeScript file: types are replaced by spaces, so lines and columns stay what they are. */
export function stripTypes(source: string): string {
  const warn = process.emitWarning.bind(process);
  // Node 24 marks the function as experimental, and says so on stderr at its first use.
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source, { mode: "strip" });
  } finally {
    process.emitWarning = warn;
  }
}

/** How a file is written, whatever the `package.json` above it says about its folder. */
export type ModuleSyntax = "module" | "commonjs";

/**
 * What is no script is a module: one with `import`, `export` or `await` at its top level. A file with a mistake counts
 * as a module as well, and is then refused as one.
 */
export function detectSyntax(javascript: string): ModuleSyntax {
  try {
    compileFunction(javascript, []);
    return "commonjs";
  } catch {
    return "module";
  }
}

/**
 * A module that runs CommonJS code. Node's own CommonJS loader goes by `package.json` where we go by the syntax, and
 * in Node 22 a `require` in what it loads does not ask our hooks. The code stays on its lines.
 */
export function wrapCommonJs(javascript: string): string {
  return [
    'import { createRequire as $createRequire } from "node:module";',
    "const $module = { exports: {} };",
    "(function (exports, require, module, __filename, __dirname) { ",
    `${javascript}\n`,
    "}).call($module.exports, $module.exports, $createRequire(import.meta.url), $module,",
    " import.meta.filename, import.meta.dirname);",
    "const $exports = $module.exports;",
    'export { $exports as default, $exports as "module.exports" };',
  ].join("");
}
