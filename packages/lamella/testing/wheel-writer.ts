import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeZip, type ZipMember } from "./zip-writer.ts";

export interface TestWheel {
  readonly name?: string;
  readonly version?: string;
  /** Files beside the metadata, by name. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly entryPoints?: string;
  /** Instead of the metadata files that are made; `undefined` leaves one out. */
  readonly metadata?: Readonly<Record<string, string | undefined>>;
  /** Members as they are, after the files and before the metadata. */
  readonly members?: readonly ZipMember[];
}

/** Writes a small wheel into a folder, under its right name, and returns its path. */
export async function writeWheel(folder: string, wheel: TestWheel = {}): Promise<string> {
  const { name = "demo", version = "1.0", files = {}, entryPoints, members = [] } = wheel;
  const distInfo = `${name}-${version}.dist-info`;
  const metadata: Record<string, string | undefined> = {
    METADATA: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    WHEEL: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    ...(entryPoints === undefined ? {} : { "entry_points.txt": entryPoints }),
    ...wheel.metadata,
  };
  const all: ZipMember[] = [
    ...Object.entries(files).map(([path, content]) => ({ name: path, content })),
    ...members,
    ...Object.entries(metadata).flatMap(([file, content]) =>
      content === undefined || file === "RECORD" ? [] : [{ name: `${distInfo}/${file}`, content }],
    ),
  ];
  const rows = all.flatMap(({ name: path, content = "" }) =>
    typeof path === "string" && !path.endsWith("/")
      ? [`${csv(path)},${hash(content)},${Buffer.byteLength(content)}`]
      : [],
  );
  const record = [...rows, `${csv(`${distInfo}/RECORD`)},,`, ""].join("\r\n");
  const content = wheel.metadata && "RECORD" in wheel.metadata ? wheel.metadata["RECORD"] : record;
  if (content !== undefined) all.push({ name: `${distInfo}/RECORD`, content });
  const path = join(folder, `${name}-${version}-py3-none-any.whl`);
  await writeFile(path, writeZip(all));
  return path;
}

function hash(content: string | Uint8Array): string {
  return `sha256=${createHash("sha256").update(content).digest("base64url")}`;
}

function csv(path: string): string {
  return /[",\r\n]/.test(path) ? `"${path.replaceAll('"', '""')}"` : path;
}
