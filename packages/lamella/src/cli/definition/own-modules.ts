import { fileURLToPath } from "node:url";

const inCheckout = import.meta.url.endsWith(".ts");

/**
 * What `import "lamella"` means in a definition: the modules of the program that runs, so that there is one `Image`
 * class. In a checkout they are the sources; a bundle has them beside itself, all in one folder.
 */
const exported: Readonly<Record<string, string>> = inCheckout
  ? {
      lamella: "../../index.ts",
      "lamella/oci": "../../oci/index.ts",
      "lamella/registry": "../../registry/index.ts",
      "lamella/engine": "../../engine/index.ts",
    }
  : {
      lamella: "./index.js",
      "lamella/oci": "./oci.js",
      "lamella/registry": "./registry.js",
      "lamella/engine": "./engine.js",
    };

/** The URL of one of our modules that a definition imports by the package's name; undefined for other names. */
export function ownModule(specifier: string): string | undefined {
  const path = Object.hasOwn(exported, specifier) ? exported[specifier] : undefined;
  return path === undefined ? undefined : new URL(path, import.meta.url).href;
}

/** The folder that all of our own modules are in, as a URL with a slash at the end. */
export const ownFolder: string = new URL(inCheckout ? "../../" : "./", import.meta.url).href;

/** Whether a file is one of ours, and so of no interest to somebody who debugs a definition. */
export function isOwnFile(path: string): boolean {
  return path.startsWith(fileURLToPath(ownFolder));
}
