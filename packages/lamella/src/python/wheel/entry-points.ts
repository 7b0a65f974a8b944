/** A command that a wheel declares (entry points specification, "Use for scripts"). */
export interface EntryPoint {
  /** The command's file name. */
  readonly name: string;
  readonly module: string;
  /** What is called: a name, or names joined by dots. */
  readonly callable: string;
}

export interface EntryPoints {
  readonly console: readonly EntryPoint[];
  readonly gui: readonly EntryPoint[];
}

/** Makes the error for a file that breaks the rules; `why` completes "its entry_points.txt …". */
interface Refusal {
  readonly invalid: (why: string) => Error;
}

/**
 * `module:callable`, and perhaps extras, which installers ignore. Nothing else may go into the launcher's text. Old files
 * have `-` in a module, so it is allowed.
 */
const reference =
  /^([\p{L}\p{M}\p{N}\p{Pc}.-]+)\s*:\s*([\p{L}\p{M}\p{N}\p{Pc}.-]+)(?:\s*\[[^\]]*\])?\s*$/u;

/** Parses the two sections of `entry_points.txt` that make commands. Raises the refusal's error. */
export function parseEntryPoints(text: string, refusal: Refusal): EntryPoints {
  const sections = parseSections(text, refusal);
  const read = (section: string): EntryPoint[] =>
    Array.from(sections.get(section) ?? [], ([name, value]) => parse(name, value, refusal));
  return { console: read("console_scripts"), gui: read("gui_scripts") };
}

function parse(name: string, value: string | undefined, refusal: Refusal): EntryPoint {
  const match = value === undefined ? null : reference.exec(value);
  if (!match) throw refusal.invalid(`has no module:callable for ${JSON.stringify(name)}`);
  const [, module = "", callable = ""] = match;
  return { name, module, callable };
}

/** The file is an INI file, case sensitive, with `=` alone between name and value; `#` and `;` begin lines of comment. */
function parseSections(
  text: string,
  refusal: Refusal,
): ReadonlyMap<string, ReadonlyMap<string, string | undefined>> {
  const sections = new Map<string, Map<string, string | undefined>>();
  let current: Map<string, string | undefined> | undefined;
  for (const whole of text.split(/\r\n|\r|\n/)) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    if (line.startsWith("[")) {
      if (!line.endsWith("]")) throw refusal.invalid(`has a broken section line: ${line}`);
      const name = line.slice(1, -1).trim();
      current = sections.get(name) ?? new Map();
      sections.set(name, current);
      continue;
    }
    const equals = line.indexOf("=");
    const name = equals < 0 ? line : line.slice(0, equals).trim();
    current?.set(name, equals < 0 ? undefined : line.slice(equals + 1).trim());
  }
  return sections;
}

/**
 * The commands as pip installs its own: a wheel of pip names the Python that it was built with, and is given a command for
 * the one that it is installed for instead.
 */
export function withVersionedPip(
  console: readonly EntryPoint[],
  python: string,
): readonly EntryPoint[] {
  const kept = console.filter(({ name }) => !/^pip3\.\d{1,3}$/.test(name));
  const pip = kept.find(({ name }) => name === "pip3");
  return pip ? [...kept, { ...pip, name: `pip${python}` }] : kept;
}
