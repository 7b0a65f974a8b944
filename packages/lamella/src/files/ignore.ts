/** Which files of a folder are left out of an image. Paths are relative to the folder, with `/` between segments. */
export interface IgnoreRules {
  /** Whether the file, link or folder at `path` is left out. */
  ignores(path: string, isDirectory: boolean): boolean;
  /** Whether something in an ignored folder may be kept all the same, so that it must be looked into. */
  mayKeepInside(directory: string): boolean;
  /** Whether a folder is kept in which they leave nothing. */
  readonly keepsEmptied: boolean;
}

/** The rules of a folder for the folder at `path` in it. */
export function rulesBelow(path: string, rules: IgnoreRules): IgnoreRules {
  return {
    ignores: (below, isDirectory) => rules.ignores(`${path}/${below}`, isDirectory),
    mayKeepInside: (directory) => rules.mayKeepInside(`${path}/${directory}`),
    keepsEmptied: rules.keepsEmptied,
  };
}

/** Names that version control, Python's tools, desktops and editors make for themselves. */
const names: ReadonlySet<string> = new Set([
  ".git",
  ".hg",
  ".svn",
  ".venv",
  "__pycache__",
  ".mypy_cache",
  ".pytest_cache",
  ".ruff_cache",
  ".ipynb_checkpoints",
  ".DS_Store",
  "Thumbs.db",
  ".idea",
  ".vscode",
]);

/** Editors' backups, swap files and locks: `a~`, `.a.swp`, `.a.swo`, `#a#`, `.#a`. */
const editorFile = /~$|^\..+\.sw[a-p]$|^#.*#$|^\.#/;

/**
 * The rules that hold where a definition gives none: what comes to lie in a folder by working in it, and differs from
 * machine to machine, is ignored at any depth. The folder that a definition names is never ignored itself.
 */
export const defaultIgnoreRules: IgnoreRules = {
  ignores(path) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return names.has(name) || editorFile.test(name);
  },
  mayKeepInside: () => false,
  keepsEmptied: false,
};
