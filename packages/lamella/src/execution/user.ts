import { UnknownUserError } from "./error.ts";

/** Who a process is. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** Home directory by the image's passwd file. */
  readonly home: string | undefined;
}

interface PasswdRow {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupRow {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

// The largest id; 2³² - 1 means "leave it" to the system calls.
const largestId = 0xffff_fffe;

/**
 * Who `user[:group]` is (image-spec config.md, "User"): names or numbers, by the image's own `/etc/passwd` and
 * `/etc/group`. Empty means root. A number need not be in the files. With a group named, there are no additional ones,
 * as in Docker. Raises {@link UnknownUserError}.
 */
export function resolveUser(text: string, passwd: string, group: string): ProcessUser {
  const [userName = "", groupName = ""] = text.split(":", 2);
  const users = parsePasswd(passwd);
  const groups = parseGroup(group);
  const wanted = userName === "" ? "0" : userName;
  const id = parseId(wanted);
  const user = users.find(({ name }) => name === wanted) ?? users.find(({ uid }) => uid === id);
  const uid = user?.uid ?? id;
  if (uid === undefined) throw unknown("user", wanted, "/etc/passwd", users);

  if (groupName !== "") {
    const gid = groups.find(({ name }) => name === groupName)?.gid ?? parseId(groupName);
    if (gid === undefined) throw unknown("group", groupName, "/etc/group", groups);
    return { uid, gid, additionalGids: [], home: user?.home };
  }
  const additionalGids = groups.flatMap(({ gid, members }) =>
    user !== undefined && members.includes(user.name) ? [gid] : [],
  );
  return {
    uid,
    gid: user?.gid ?? 0,
    additionalGids: [...new Set(additionalGids)],
    home: user?.home,
  };
}

function parsePasswd(text: string): PasswdRow[] {
  return rows(text).flatMap(([name = "", , uid = "", gid = "", , home = ""]) => {
    const ids = { uid: parseId(uid), gid: parseId(gid) };
    return ids.uid === undefined || ids.gid === undefined
      ? []
      : [{ name, uid: ids.uid, gid: ids.gid, home }];
  });
}

function parseGroup(text: string): GroupRow[] {
  return rows(text).flatMap(([name = "", , id = "", members = ""]) => {
    const gid = parseId(id);
    return gid === undefined ? [] : [{ name, gid, members: members.split(",") }];
  });
}

function rows(text: string): string[][] {
  return text.split("\n").flatMap((line) => (line.includes(":") ? [line.trim().split(":")] : []));
}

function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= largestId ? id : undefined;
}

function unknown(
  kind: string,
  name: string,
  file: string,
  known: readonly { readonly name: string }[],
): UnknownUserError {
  return new UnknownUserError(
    `The image has no ${kind} ${JSON.stringify(name.slice(0, 100))} in its ${file}.`,
    known.length === 0
      ? `Name a numeric id, as in --user 1000: the image has no ${file} to find names in.`
      : `Name a numeric id, or one of: ${known
          .slice(0, 40)
          .map((row) => row.name)
          .join(", ")}.`,
  );
}
