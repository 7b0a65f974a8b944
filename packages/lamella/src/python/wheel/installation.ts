import { posix } from "node:path";
import { type InstallTarget, sitePackages } from "../install-target.ts";
import type { ZipArchive, ZipEntry } from "../zip.ts";
import { type DistInfo } from "./dist-info.ts";
import { type EntryPoint, withVersionedPip } from "./entry-points.ts";
import { formatRecord, healRecord, type RecordRow, recordRow } from "./record.ts";
import {
  type Destination,
  destinationOf,
  physicalPath,
  recordPath,
  scriptsFolder,
} from "./scheme.ts";
import { isReservedName, launcher, placeholder, withShebang } from "./script.ts";

/** A file that installing a wheel gives. */
export interface InstalledFile {
  /** Any executable bit in the wheel makes a file executable for all. */
  readonly executable: boolean;
  /** What the wheel has, unchanged, or bytes that the installer made. */
  readonly content: ZipEntry | Uint8Array;
}

/** What installing a wheel gives. Paths are relative to the prefix. */
export interface Installation {
  readonly files: ReadonlyMap<string, InstalledFile>;
  /** Directories that the wheel names; the parents of files are not among them. */
  readonly directories: ReadonlySet<string>;
}

/** What `INSTALLER` says (recording installed projects). */
const installer = "lamella";

/** The longest script, in bytes, whose first line is replaced; programs are not scripts and may be larger. */
const largestScript = 64 * 1024 * 1024;

/**
 * Decides what a wheel installs where, in the order of the specification and of uv: the packages, the launchers of entry
 * points, the `.data` folders, the installer's own files; what comes later replaces what was there. Raises
 * InvalidWheelError.
 */
export async function planInstallation(
  archive: ZipArchive,
  distInfo: DistInfo,
  target: InstallTarget,
  directUrl?: object,
): Promise<Installation> {
  const plan = new Plan(archive, distInfo, target);
  const data: ZipEntry[] = [];
  for (const entry of archive.entries) {
    if (entry.name.startsWith(`${distInfo.prefix}.data/`)) data.push(entry);
    else if (entry.name !== `${distInfo.prefix}.data`) plan.place(entry, plan.destination(entry));
  }
  plan.addLaunchers();
  // Two keys can give one path; the order of the keys decides, and not that of the zip.
  for (const entry of data.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    await plan.addData(entry);
  }
  plan.addInstallerFiles(directUrl);
  return plan.finish();
}

class Plan {
  readonly #archive: ZipArchive;
  readonly #distInfo: DistInfo;
  readonly #target: InstallTarget;
  readonly #files = new Map<string, InstalledFile>();
  readonly #directories = new Set<string>();
  readonly #commands: ReadonlySet<string>;
  readonly #entryPoints: readonly EntryPoint[];
  /** Rows of the wheel's own files by their name in it, and then those of files that the installer made. */
  readonly #rows: Map<string, RecordRow>;
  readonly #madeRows: RecordRow[] = [];

  constructor(archive: ZipArchive, distInfo: DistInfo, target: InstallTarget) {
    this.#archive = archive;
    this.#distInfo = distInfo;
    this.#target = target;
    const { console, gui } = distInfo.entryPoints;
    this.#entryPoints = [...withVersionedPip(console, target.python), ...gui];
    this.#commands = new Set(this.#entryPoints.map(({ name }) => name));
    const sizes = new Map<string, number>();
    for (const { name, kind, size } of archive.entries) {
      if (kind === "file") sizes.set(name, size);
    }
    const rows = healRecord(distInfo.record, sizes, `${distInfo.prefix}.dist-info`);
    this.#rows = new Map(rows.map((row) => [posix.normalize(row.path), row]));
  }

  destination(entry: ZipEntry): Destination {
    const destination = destinationOf(entry.name, this.#distInfo, this.#target);
    if (destination) return destination;
    throw this.#archive.invalid(
      `${JSON.stringify(entry.name)} in it is in no part of its .data folder that there is`,
    );
  }

  place(entry: ZipEntry, { path }: Destination): void {
    const physical = physicalPath(path);
    if (entry.kind === "directory") {
      if (physical !== "") this.#directories.add(physical);
      return;
    }
    this.#checkFree(path);
    const executable = (entry.permissions & 0o111) !== 0;
    this.#files.set(physical, { executable, content: entry });
  }

  addLaunchers(): void {
    for (const entryPoint of this.#entryPoints) {
      const { name } = entryPoint;
      if (name === "" || name === "." || name === ".." || /[/\\\p{Cc}]/u.test(name)) {
        throw this.#archive.invalid(
          `its command ${JSON.stringify(name.slice(0, 100))} is no file name`,
        );
      }
      const path = `${scriptsFolder}/${name}`;
      this.#checkFree(path);
      const bytes = Buffer.from(launcher(this.#target, entryPoint));
      this.#files.set(path, { executable: true, content: bytes });
      this.#madeRows.push(recordRow(recordPath(path, this.#target), bytes));
    }
  }

  async addData(entry: ZipEntry): Promise<void> {
    const destination = this.destination(entry);
    const { path, script } = destination;
    if (!script) {
      this.place(entry, destination);
      if (entry.kind === "file") this.#renameRow(entry, path);
      return;
    }
    if (path === scriptsFolder && entry.kind === "directory") return;
    const name = path.slice(scriptsFolder.length + 1);
    if (entry.kind === "directory" || name.includes("/")) {
      throw this.#archive.invalid(`${JSON.stringify(entry.name)} in it is no command but a folder`);
    }
    // A launcher takes the place of a script that an old builder made for the same entry point; its row stays, as in uv.
    if (this.#commands.has(name.replace(/(\.exe|-script\.py|\.pya)$/, ""))) return;
    this.#checkFree(path);
    const start = await this.#archive.start(entry, placeholder.length);
    if (!start.equals(placeholder)) {
      this.#files.set(path, { executable: true, content: entry });
      this.#renameRow(entry, path);
      return;
    }
    const bytes = withShebang(this.#archive.bytes(entry, largestScript), this.#target);
    this.#files.set(path, { executable: true, content: bytes });
    const row = recordRow(recordPath(path, this.#target), bytes);
    this.#rows.set(entry.name, row);
  }

  addInstallerFiles(directUrl: object | undefined): void {
    const add = (name: string, text: string): void => {
      const path = `${this.#distInfo.prefix}.dist-info/${name}`;
      const bytes = Buffer.from(text);
      const installed = `${sitePackages(this.#target)}/${path}`;
      this.#files.set(installed, { executable: this.#isExecutable(installed), content: bytes });
      this.#madeRows.push(recordRow(path, bytes));
    };
    // uv writes it for every package, asked for or needed by one.
    add("REQUESTED", "");
    if (directUrl) add("direct_url.json", JSON.stringify(directUrl));
    add("INSTALLER", installer);
  }

  finish(): Installation {
    const record = `${sitePackages(this.#target)}/${this.#distInfo.prefix}.dist-info/RECORD`;
    const text = formatRecord([...this.#rows.values(), ...this.#madeRows]);
    const executable = this.#isExecutable(record);
    this.#files.set(record, { executable, content: Buffer.from(text) });
    const checked = new Set<string>();
    for (const path of this.#files.keys()) this.#checkParents(path, checked);
    return { files: this.#files, directories: this.#directories };
  }

  /** Writing a file anew keeps its mode. */
  #isExecutable(path: string): boolean {
    return this.#files.get(path)?.executable ?? false;
  }

  #renameRow({ name }: ZipEntry, path: string): void {
    const row = this.#rows.get(name);
    if (row) this.#rows.set(name, { ...row, path: recordPath(path, this.#target) });
  }

  /** The venv's own files are not a wheel's to replace. */
  #checkFree(path: string): void {
    const [folder, name = "", ...deeper] = path.split("/");
    const command = folder === scriptsFolder && deeper.length === 0 && isReservedName(name);
    if (command || path === "" || path === "pyvenv.cfg" || path === "lib64") {
      throw this.#archive.invalid(
        `it would replace ${JSON.stringify(path)} of the virtual environment`,
      );
    }
  }

  /** `checked` are the parents that other paths have, too. */
  #checkParents(path: string, checked: Set<string>): void {
    if (this.#directories.has(path)) throw this.#twoKinds(path);
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const parent = path.slice(0, end);
      if (checked.has(parent)) return;
      if (this.#files.has(parent)) throw this.#twoKinds(parent);
      checked.add(parent);
    }
  }

  #twoKinds(path: string): Error {
    return this.#archive.invalid(`it installs ${JSON.stringify(path)} as a file and a directory`);
  }
}
