import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { crc32 } from "node:zlib";

export interface TinyWheel {
  readonly name: string;
  readonly version: string;
  /** `py3-none-any` where absent. */
  readonly tags?: string;
  readonly build?: string;
  /** Lines of `Requires-Dist`. */
  readonly requires?: readonly string[];
  readonly extras?: readonly string[];
  readonly requiresPython?: string;
}

/** The bytes of a small but complete wheel with one module of the wheel's name. */
export function tinyWheel(wheel: TinyWheel): {
  filename: string;
  bytes: Uint8Array;
  sha256: string;
} {
  const { name, version, tags = "py3-none-any", build } = wheel;
  const module = name.replaceAll(/[-.]/g, "_");
  const info = `${module}-${version}.dist-info`;
  const metadata = [
    "Metadata-Version: 2.1",
    `Name: ${name}`,
    `Version: ${version}`,
    ...(wheel.requiresPython === undefined ? [] : [`Requires-Python: ${wheel.requiresPython}`]),
    ...(wheel.extras ?? []).map((extra) => `Provides-Extra: ${extra}`),
    ...(wheel.requires ?? []).map((requirement) => `Requires-Dist: ${requirement}`),
  ];
  const [python = "", abi = "", platform = ""] = tags.split("-");
  const expanded = python
    .split(".")
    .flatMap((p) => platform.split(".").map((q) => `Tag: ${p}-${abi}-${q}`));
  const files: [string, string][] = [
    [`${module}.py`, `version = ${JSON.stringify(version)}\n`],
    [`${info}/METADATA`, `${metadata.join("\n")}\n`],
    [
      `${info}/WHEEL`,
      `Wheel-Version: 1.0\nGenerator: tiny\nRoot-Is-Purelib: true\n${expanded.join("\n")}\n`,
    ],
  ];
  const record = files.map(([file, content]) => {
    const hash = createHash("sha256").update(content).digest("base64url");
    return `${file},sha256=${hash},${content.length}\n`;
  });
  files.push([`${info}/RECORD`, `${record.join("")}${info}/RECORD,,\n`]);
  const bytes = storedZip(files);
  return {
    filename: `${module}-${version}${build === undefined ? "" : `-${build}`}-${tags}.whl`,
    bytes,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}

/** Writes wheels into a folder, which is made; gives their paths in order. */
export async function writeTinyWheels(
  folder: string,
  wheels: readonly TinyWheel[],
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  return await Promise.all(
    wheels.map(async (wheel) => {
      const { filename, bytes } = tinyWheel(wheel);
      const file = path.join(folder, filename);
      await writeFile(file, bytes);
      return file;
    }),
  );
}

/** A zip of stored files (APPNOTE 4.3), dated 1980-01-01. */
function storedZip(files: readonly (readonly [string, string])[]): Uint8Array {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [file, text] of files) {
    const name = Buffer.from(file);
    const content = Buffer.from(text);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, name, content]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((0o100644 << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    // Version made by: 3 is Unix, so that the mode above counts.
    centrals.push(
      Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.from([20, 3]), common, rest, name]),
    );
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, Buffer.from("PK\x05\x06"), end]);
}
