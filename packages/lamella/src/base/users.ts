import { bytesFile, type Directory, type FileEntry } from "../files/entry.ts";
import { type Attributes, plainDirectory } from "./attributes.ts";
import { AccountError } from "./error.ts";
import { isWithin } from "./links.ts";
import type { Outline } from "./outline.ts";
import { parentEntries, resolvePath } from "./placement.ts";

/** Options of {@link addUser}. */
export interface NewUser {
  /** As useradd(8) takes it: lower-case letters, digits, `_` and `-`, at most 32. */
  readonly name: string;
  /** Absolute path of the home, which is made if it is not there. */
  readonly home: string;
  readonly shell: string;
  /** Further directories that become the user's, where they exist. */
  readonly owns?: readonly string[];
}

export interface AddedUser {
  /** Of one layer, parents included. Empty when the base is so already. */
  readonly entries: readonly FileEntry[];
  readonly uid: number;
  readonly gid: number;
}

// login.defs(5): UID_MIN and UID_MAX, GID_MIN and GID_MAX.
const smallestId = 1000;
const largestId = 60_000;

/**
 * Adds a user with a group of the same name, as `useradd --create-home` does, by edits of the account files: the next id
 * above those in use from 1000, no password, and the home with mode 0755. A user that is there already keeps its ids.
 *
 * The home, the directories in `owns`, and the directories below them become the user's and keep their modes. Regular
 * files in them keep their owner (an outline has no files), so this is `chown -R` for directories only. Raises
 * AccountError.
 */
export function addUser(outline: Outline, user: NewUser): AddedUser {
  checkUser(outline, user);
  const account = accountOf(outline, user);
  const files = account.isNew ? accountFiles(outline, user, account) : [];
  const directories = ownedDirectories(outline, user, account);
  const changed = [...directories, ...files];
  const own = new Set(directories.map(({ path }) => path));
  const parents = parentEntries(
    outline,
    changed.map(({ path }) => path),
  ).filter(({ path }) => !own.has(path));
  const entries = [...parents, ...changed].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { entries: changed.length === 0 ? [] : entries, uid: account.uid, gid: account.gid };
}

interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Whether the account files lack the user. */
  readonly isNew: boolean;
  readonly hasGroup: boolean;
}

function checkUser(outline: Outline, user: NewUser): void {
  const { name, home, shell } = user;
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(name) || /[:\n\0]/.test(home + shell)) {
    throw new AccountError(
      `Not a user that account files can hold: ${JSON.stringify({ name, home, shell }).slice(0, 300)}.`,
      "Use lower-case letters, digits, '_' and '-' for the name, and paths without ':'.",
    );
  }
  for (const file of ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"]) {
    if (resolvePath(outline, file) === file) continue;
    throw new AccountError(
      `Cannot add the user ${name}: /${file} is a link in the base.`,
      // Nor does an outline look behind such a link: whether the user is there already is not known.
      "Use a base whose account files are files, or Image.fromBase, which adds no user.",
    );
  }
}

function accountOf(outline: Outline, { name }: NewUser): Account {
  const users = rows(outline.passwd?.text);
  const groups = rows(outline.group?.text);
  const user = users.find((row) => row[0] === name);
  const group = groups.find((row) => row[0] === name);
  const groupId = id(group?.[2]);
  if (user) {
    const uid = id(user[2]);
    const gid = id(user[3]);
    if (uid === undefined || gid === undefined) {
      throw new AccountError(
        `The base's /etc/passwd has no numeric ids for ${name}.`,
        "Use another base.",
      );
    }
    return { uid, gid, isNew: false, hasGroup: true };
  }
  const uid = nextId(users, undefined, name);
  return {
    uid,
    gid: groupId ?? nextId(groups, uid, name),
    isNew: true,
    hasGroup: groupId !== undefined,
  };
}

/** useradd's choice: a preferred one if it is free, the highest in use plus one, else the lowest that is free. */
function nextId(
  accounts: readonly (readonly string[])[],
  preferred: number | undefined,
  name: string,
): number {
  const used = new Set(accounts.map((row) => id(row[2])));
  if (preferred !== undefined && !used.has(preferred)) return preferred;
  let next = smallestId;
  for (const value of used) {
    if (value !== undefined && value >= next && value <= largestId) next = value + 1;
  }
  if (next <= largestId) return next;
  for (let value = smallestId; value <= largestId; value++) if (!used.has(value)) return value;
  throw new AccountError(
    `The base has no free id between ${smallestId} and ${largestId} for ${name}.`,
    "Use another base.",
  );
}

/** What a base that has no such file gets. */
const newAccountFile = { mode: 0o644, uid: 0, gid: 0 };
const firstRow = {
  passwd: "root:x:0:0:root:/root:/bin/sh\n",
  group: "root:x:0:\n",
  shadow: "",
  gshadow: "",
};

function accountFiles(outline: Outline, user: NewUser, account: Account): FileEntry[] {
  const { name, home, shell } = user;
  const { uid, gid, hasGroup } = account;
  const password = outline.shadow ? "x" : "*";
  const files: FileEntry[] = [];
  const append = (file: "passwd" | "group" | "shadow" | "gshadow", line: string): void => {
    const { text, ...attributes } = outline[file] ?? { ...newAccountFile, text: firstRow[file] };
    const before = text === "" || text.endsWith("\n") ? text : `${text}\n`;
    files.push(bytesFile(`etc/${file}`, `${before}${line}\n`, attributes));
  };
  append("passwd", `${name}:${password}:${uid}:${gid}::${home}:${shell}`);
  // No date of the last change, as useradd would write: a layer knows no clock.
  if (outline.shadow) append("shadow", `${name}:!::0:99999:7:::`);
  if (hasGroup) return files;
  append("group", `${name}:x:${gid}:`);
  if (outline.gshadow) append("gshadow", `${name}:!::`);
  return files;
}

function ownedDirectories(outline: Outline, user: NewUser, account: Account): Directory[] {
  const { uid, gid } = account;
  const home = resolvePath(outline, user.home);
  const owned = new Map<string, Attributes>([
    [home, outline.directories.get(home) ?? plainDirectory],
  ]);
  for (const folder of [user.home, ...(user.owns ?? [])]) {
    const physical = resolvePath(outline, folder);
    for (const [path, attributes] of outline.directories) {
      if (physical !== "" && isWithin(path, physical)) owned.set(path, attributes);
    }
  }
  return [...owned]
    .filter(([path, before]) => {
      const isThere = outline.directories.has(path);
      return path !== "" && !(isThere && before.uid === uid && before.gid === gid);
    })
    .map(([path, { mode }]) => ({ kind: "directory", path, mode, uid, gid }));
}

function rows(text: string | undefined): readonly (readonly string[])[] {
  return (text ?? "").split("\n").map((line) => line.split(":"));
}

function id(field: string | undefined): number | undefined {
  return field !== undefined && /^\d{1,10}$/.test(field) ? Number(field) : undefined;
}
