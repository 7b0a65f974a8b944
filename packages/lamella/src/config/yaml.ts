import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import type { ConfigDocument, ConfigPath, FilePosition } from "./config-document.ts";
import { ConfigFileError } from "./error.ts";

/** Parses a YAML file. Raises ConfigFileError. */
export function parseYaml(text: string, file: string): ConfigDocument {
  return new YamlDocument(text, file);
}

class YamlDocument implements ConfigDocument {
  readonly data: unknown;
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  constructor(text: string, file: string) {
    this.#file = file;
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      logLevel: "error",
    });
    const [error] = this.#document.errors;
    if (error) throw this.#invalid(error.pos[0], error.message);
    try {
      this.data = this.#document.toJS() as unknown;
    } catch (reason) {
      // Aliases that multiply without end, or that refer to nothing.
      throw this.#invalid(0, reason instanceof Error ? reason.message : String(reason));
    }
  }

  position(path: ConfigPath): FilePosition {
    for (let length = path.length; length > 0; length--) {
      const node: unknown = this.#document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return this.#at(node.range[0]);
    }
    return this.#at(this.#document.contents?.range[0] ?? 0);
  }

  keyPosition(path: ConfigPath, key: string): FilePosition {
    const mapping: unknown =
      path.length === 0 ? this.#document.contents : this.#document.getIn(path, true);
    const pair = isMap(mapping)
      ? mapping.items.find(({ key: node }) => isScalar(node) && String(node.value) === key)
      : undefined;
    // A key that an alias or a merge brought in stands elsewhere.
    if (!isScalar(pair?.key) || !pair.key.range) return this.position([...path, key]);
    return this.#at(pair.key.range[0]);
  }

  #invalid(offset: number, message: string): ConfigFileError {
    const hint = "Correct the file's YAML.";
    return new ConfigFileError(this.#at(offset), `not valid YAML: ${message}.`, hint);
  }

  #at(offset: number): FilePosition {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}
