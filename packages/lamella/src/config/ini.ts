import type { ConfigDocument, FilePosition } from "./config-document.ts";
import { ConfigFileError } from "./error.ts";

interface Entry {
  readonly key: FilePosition;
  readonly value: FilePosition;
  readonly lines: string[];
}

interface Section {
  readonly header: FilePosition;
  readonly entries: Map<string, Entry>;
}

/**
 * Parses an INI file as Python's `configparser` does: `[section]`, `key = value` or `key: value`, lines that begin with `#`
 * or `;` are comments, a line that is indented more than its key's goes on with the value. Unlike there, names keep their
 * case, `%` stands for itself, and `[DEFAULT]` is a section as others. Values are texts. Raises ConfigFileError.
 */
export function parseIni(text: string, file: string): ConfigDocument {
  const sections = new Map<string, Section>();
  let section: Section | undefined;
  let entry: Entry | undefined;
  let indentation = 0;
  for (const [index, line] of text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\n|\r/)
    .entries()) {
    const content = line.trim();
    if (/^[#;]/.test(content)) continue;
    if (content === "") {
      entry?.lines.push("");
      continue;
    }
    const column = line.length - line.trimStart().length + 1;
    const at: FilePosition = { file, line: index + 1, column };
    if (entry && column > indentation) {
      entry.lines.push(content);
      continue;
    }
    indentation = column;
    const header = /^\[(.+)\]/.exec(content)?.[1];
    const [named = "", name = ""] = /^([^=:]*?)\s*[=:]\s*/.exec(content) ?? [];
    if (header !== undefined) {
      if (sections.has(header)) throw twice(at, `the section [${header}]`);
      section = { header: at, entries: new Map() };
      sections.set(header, section);
      entry = undefined;
    } else if (name !== "") {
      if (!section) throw malformed(at, "a value stands before the first [section]");
      if (section.entries.has(name)) throw twice(at, `'${name}'`);
      const value = { ...at, column: column + named.length };
      entry = { key: at, value, lines: [content.slice(named.length)] };
      section.entries.set(name, entry);
    } else {
      throw malformed(at, "neither a [section] nor 'name = value'");
    }
  }
  return new IniDocument(sections, file);
}

class IniDocument implements ConfigDocument {
  readonly data: unknown;
  readonly #sections: ReadonlyMap<string, Section>;
  readonly #start: FilePosition;

  constructor(sections: ReadonlyMap<string, Section>, file: string) {
    this.#sections = sections;
    this.#start = { file, line: 1, column: 1 };
    this.data = Object.fromEntries(
      Array.from(sections, ([name, { entries }]) => [
        name,
        Object.fromEntries(
          Array.from(entries, ([key, { lines }]) => [key, lines.join("\n").trimEnd()]),
        ),
      ]),
    );
  }

  position([section, key]: readonly PropertyKey[]): FilePosition {
    return this.#find(section, key)?.value ?? this.#header(section);
  }

  keyPosition([section]: readonly PropertyKey[], key: string): FilePosition {
    return section === undefined
      ? this.#header(key)
      : (this.#find(section, key)?.key ?? this.#header(section));
  }

  #find(section: PropertyKey | undefined, key: PropertyKey | undefined): Entry | undefined {
    return this.#sections.get(String(section))?.entries.get(String(key));
  }

  #header(section: PropertyKey | undefined): FilePosition {
    return this.#sections.get(String(section))?.header ?? this.#start;
  }
}

function malformed(at: FilePosition, problem: string): ConfigFileError {
  return new ConfigFileError(
    at,
    `not a valid INI file: ${problem}.`,
    "Correct the line. The name of a YAML file ends in .yaml or .yml.",
  );
}

function twice(at: FilePosition, what: string): ConfigFileError {
  return new ConfigFileError(at, `${what} is there already.`, "Leave one of the two.");
}
