import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { promisify } from "node:util";
import { ExecutionUnsupportedError, ToolMissingError } from "./error.ts";
import { systemEnvironment } from "./system-environment.ts";

/** Ids that images use; Debian's nobody is 65534. */
const wantedIds = 65_536;

const mostIds = 0x7fff_ffff;

/** Where useradd(8) begins to give them (login.defs(5), SUB_UID_MIN). */
const firstSubordinateId = 100_000;

/** Ids of the machine that a user may give away. */
interface SubordinateIds {
  readonly start: number;
  readonly count: number;
}

/** Ids of the machine that stand for ids in a user namespace: rows of `uid_map` (user_namespaces(7)). */
interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/**
 * Gives the user namespace of a process, which has none so far, the ids that an image needs: this user as root, and the
 * subordinate ids that the system has for him (subuid(5)) as all others. Root, who has no need of newuidmap(1), gives
 * all ids that he has himself.
 *
 * Raises {@link ExecutionUnsupportedError} and {@link ToolMissingError}, which say what to set up.
 */
export async function mapIds(pid: number): Promise<void> {
  if (process.geteuid?.() === 0) {
    for (const name of ["uid_map", "gid_map"]) {
      const own = (await readFile(`/proc/self/${name}`, "utf8")).trim().split("\n");
      const rows = own.map((row) => {
        const [inside = "", , count = ""] = row.trim().split(/\s+/);
        // Not quite all, or it could not be told from the first namespace (see user-namespace.ts).
        return `${inside} ${inside} ${Math.min(Number(count), mostIds)}`;
      });
      await writeFile(`/proc/${pid}/${name}`, rows.join("\n")).catch(refuse);
    }
    return;
  }
  const { username, uid, gid } = thisUser();
  const kinds = [
    { program: "newuidmap", file: "/etc/subuid", option: "--add-subuids", own: uid },
    { program: "newgidmap", file: "/etc/subgid", option: "--add-subgids", own: gid },
  ] as const;
  const given = await Promise.all(
    kinds.map(async (kind) => {
      const text = await readFile(kind.file, "utf8").catch(() => "");
      return { ...kind, text, ids: findSubordinateIds(text, username, uid) };
    }),
  );
  const lacking = given.filter(({ ids }) => ids === undefined);
  if (lacking.length > 0) throw noSubordinateIds(username, lacking, given);
  for (const { program, own, ids } of given) {
    if (ids === undefined) continue;
    const ranges: IdRange[] = [
      { inside: 0, outside: own, count: 1 },
      { inside: 1, outside: ids.start, count: Math.min(ids.count, wantedIds) },
    ];
    const args = ranges.flatMap(({ inside, outside, count }) => [inside, outside, count]);
    await promisify(execFile)(program, [pid, ...args].map(String), {
      env: systemEnvironment,
    }).catch((error: unknown) => explain(error, program));
  }
}

/** In a container a user often has no name. */
function thisUser(): { readonly username: string; readonly uid: number; readonly gid: number } {
  try {
    return userInfo();
  } catch {
    const uid = process.getuid?.() ?? 0;
    return { username: String(uid), uid, gid: process.getgid?.() ?? 0 };
  }
}

/**
 * The largest range of ids that a file as /etc/subuid has for a user: rows of name or number, first id and count. Ranges
 * with fewer ids than an image needs are none.
 */
export function findSubordinateIds(
  text: string,
  username: string,
  uid: number,
): SubordinateIds | undefined {
  return parseRows(text)
    .filter(({ owner }) => owner === username || owner === String(uid))
    .filter(({ count }) => count >= wantedIds - 1)
    .map(({ start, count }) => ({ start, count }))
    .toSorted((a, b) => b.count - a.count)[0];
}

/** The first of as many ids as an image needs that none of the files gives to anybody. */
export function firstFreeIds(texts: readonly string[]): number {
  let start = firstSubordinateId;
  for (const taken of texts.flatMap(parseRows).toSorted((a, b) => a.start - b.start)) {
    if (taken.start >= start + wantedIds) break;
    start = Math.max(start, taken.start + taken.count);
  }
  return start;
}

function parseRows(text: string): readonly (SubordinateIds & { readonly owner: string })[] {
  return text.split("\n").flatMap((line) => {
    const [owner = "", start = "", count = ""] = line.trim().split(":");
    return /^\d+$/.test(start) && /^\d+$/.test(count)
      ? [{ owner, start: Number(start), count: Number(count) }]
      : [];
  });
}

function noSubordinateIds(
  username: string,
  lacking: readonly { readonly file: string; readonly option: string }[],
  files: readonly { readonly text: string }[],
): ExecutionUnsupportedError {
  const start = firstFreeIds(files.map(({ text }) => text));
  const range = `${start}-${start + wantedIds - 1}`;
  return new ExecutionUnsupportedError(
    `Commands of an image run as several users, and ${username} has no subordinate ids for them in ${lacking.map(({ file }) => file).join(" and ")}.`,
    [
      `Have the administrator give some: usermod ${lacking.map(({ option }) => `${option} ${range}`).join(" ")} ${username}`,
      "Or run the command as root.",
    ].join("\n"),
  );
}

function explain(error: unknown, program: string): never {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") {
    throw new ToolMissingError(
      `The program \`${program}\` is not installed, and who is not root needs it to run the commands of an image.`,
      "Install it: apt-get install uidmap. Or run the command as root.",
      { cause: error },
    );
  }
  return refuse(error);
}

function refuse(error: unknown): never {
  const said = (error as { readonly stderr?: unknown }).stderr;
  const why = typeof said === "string" && said !== "" ? said : String(error);
  throw new ExecutionUnsupportedError(
    `The users of an image cannot be given ids of this machine: ${why.trim()}`,
    "In a container: allow it user namespaces, or run it as root with --privileged (or --cap-add SYS_ADMIN and an unconfined seccomp profile).",
    { cause: error },
  );
}
