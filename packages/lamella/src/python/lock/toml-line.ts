/** Keys and indices from the top of a document to a value in it. */
export type KeyPath = readonly PropertyKey[];

const key = /[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'/;
const dotted: string = `(?:${key.source})(?:\\s*\\.\\s*(?:${key.source}))*`;
const headerLine = new RegExp(`^\\s*(\\[\\[?)\\s*(${dotted})\\s*\\]\\]?\\s*(?:#.*)?$`);
const valueLine = new RegExp(`^\\s*(${dotted})\\s*=`);

/**
 * The line, counted from 1, of the value at a path in a TOML text, or of the nearest table around it; undefined where
 * no line has even that. It reads the form that locks are written in, with a table's header and each key on lines of
 * their own: what is inside of brackets or braces has the line of its key.
 */
export function tomlLine(text: string, path: KeyPath): number | undefined {
  let found: { readonly line: number; readonly depth: number } | undefined;
  let table: KeyPath = [];
  const lengths = new Map<string, number>();
  for (const [index, line] of text.split("\n").entries()) {
    let here: KeyPath;
    const [, bracket, header] = headerLine.exec(line) ?? [];
    if (header !== undefined) {
      table = enter(keysOf(header), bracket === "[[", lengths);
      here = table;
    } else {
      const [, name] = valueLine.exec(line) ?? [];
      if (name === undefined) continue;
      here = [...table, ...keysOf(name)];
    }
    const isOnTheWay = here.every((step, depth) => step === path[depth]);
    if (isOnTheWay && here.length > (found?.depth ?? 0)) {
      found = { line: index + 1, depth: here.length };
    }
  }
  return found?.line;
}

/** The path of a table by the keys of its header: each list on the way means its last element. */
function enter(keys: readonly string[], isElement: boolean, lengths: Map<string, number>): KeyPath {
  let path: KeyPath = [];
  for (const [depth, name] of keys.entries()) {
    path = [...path, name];
    const list = JSON.stringify(path);
    if (isElement && depth === keys.length - 1) lengths.set(list, (lengths.get(list) ?? 0) + 1);
    const length = lengths.get(list);
    if (length !== undefined) path = [...path, length - 1];
  }
  return path;
}

function keysOf(text: string): string[] {
  return [...text.matchAll(new RegExp(key, "g"))].map(([token]) => {
    if (token.startsWith("'")) return token.slice(1, -1);
    if (!token.startsWith('"')) return token;
    try {
      // TOML's basic strings have two escapes more, which no key of ours needs.
      return JSON.parse(token) as string;
    } catch {
      return token.slice(1, -1);
    }
  });
}
