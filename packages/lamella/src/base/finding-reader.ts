import type { Attributes } from "./attributes.ts";
import { OversizedLayerError } from "./error.ts";
import type { Finding } from "./finding.ts";
import { basename } from "./links.ts";
import { parseRecordPaths } from "./record.ts";

/** Takes the content of one file as it streams by. */
export interface FindingReader {
  write(chunk: Uint8Array): void;
  /** After the last chunk. Nothing, if the content is not what the file's name promised. */
  finish(): Finding | undefined;
}

// Sizes in bytes, far above what is seen: a RECORD of 10,000 files has 1.5 MB, a METADATA's head some kB.
const longestAccountFile = 1024 * 1024;
const longestVenvFile = 64 * 1024;
const longestMetadataHead = 256 * 1024;
const longestRecord = 16 * 1024 * 1024;

const accountFiles = new Set(["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"]);
const installedFile = /\.(?:dist-info\/(?:METADATA|RECORD)|egg-info(?:\/PKG-INFO)?)$/;
const interpreterFile = /(?:^|\/)(?:bin\/python3(?:\.\d+)?|libpython3\.\d+[a-z]*\.so[.\d]*)$/;
const libcFile = /^(?:libc\.so\.6|libc-2\.\d+\.so|ld-musl-[a-z0-9_]+\.so\.1|libc\.so)$/;

/** Reads what the outline wants from the file at `path` of a layer; undefined for all other files. */
export function findingReader(path: string, attributes: Attributes): FindingReader | undefined {
  if (accountFiles.has(path)) {
    const { mode, uid, gid } = attributes;
    return wholeText(path, longestAccountFile, (text) => ({
      kind: "account",
      text,
      mode,
      uid,
      gid,
    }));
  }
  const name = basename(path);
  if (name === "pyvenv.cfg") {
    return wholeText(path, longestVenvFile, (text) => ({ kind: "venv", text }));
  }
  if (installedFile.test(path)) {
    return name === "RECORD"
      ? wholeText(path, longestRecord, (text) => ({
          kind: "record",
          paths: parseRecordPaths(text),
        }))
      : head(longestMetadataHead, parseMetadata);
  }
  if (interpreterFile.test(path)) return pythonScanner();
  if (libcFile.test(name)) return libcScanner();
  return undefined;
}

function wholeText(path: string, limit: number, parse: (text: string) => Finding): FindingReader {
  const chunks: Uint8Array[] = [];
  let size = 0;
  return {
    write(chunk) {
      size += chunk.length;
      if (size > limit) {
        throw new OversizedLayerError(
          `The base's file ${JSON.stringify(path.slice(0, 300))} is longer than ${limit} bytes.`,
          "Use a base with a sensible file there.",
        );
      }
      // A copy: a small window would keep its whole buffer in memory.
      chunks.push(Uint8Array.from(chunk));
    },
    finish: () => parse(Buffer.concat(chunks).toString("utf8")),
  };
}

function head(limit: number, parse: (text: string) => Finding | undefined): FindingReader {
  const chunks: Uint8Array[] = [];
  let size = 0;
  return {
    write(chunk) {
      if (size >= limit) return;
      chunks.push(Uint8Array.from(chunk.subarray(0, limit - size)));
      size += chunk.length;
    },
    finish: () => parse(Buffer.concat(chunks).toString("utf8")),
  };
}

/** Core metadata: header fields, then an empty line and the description. */
function parseMetadata(text: string): Finding | undefined {
  const [fields = ""] = text.split(/\r?\n\r?\n/, 1);
  const name = /^name:[ \t]*(\S.*?)[ \t]*$/im.exec(fields)?.[1];
  const version = /^version:[ \t]*(\S.*?)[ \t]*$/im.exec(fields)?.[1];
  return name === undefined || version === undefined
    ? undefined
    : { kind: "metadata", name, version };
}

/** `Py_GetVersion`'s first word stands in the binary between two NULs. */
function pythonScanner(): FindingReader {
  const versions = new Set<string>();
  return scanner(
    /(?<=\0)3\.\d{1,2}\.\d{1,3}(?:(?:a|b|rc)\d{1,2})?(?=\+?\0)/g,
    ([version]) => {
      if (versions.size < 16) versions.add(version);
    },
    () => (versions.size === 0 ? undefined : { kind: "python", versions: [...versions] }),
  );
}

/**
 * glibc says "GNU C Library … version 2.36" and has its symbols' versions, of which the highest is a lower bound where
 * the sentence was cut out; musl has its version between two NULs.
 */
function libcScanner(): FindingReader {
  let banner: number | undefined;
  let symbols: number | undefined;
  let musl: number | undefined;
  return scanner(
    /GNU C Library [^\0\n]{0,200}? version 2\.(?<banner>\d{1,3})(?=\D)|GLIBC_2\.(?<symbol>\d{1,3})|(?<=\0)1\.(?<musl>\d{1,2})\.\d{1,3}(?=\0)/g,
    ({ groups }) => {
      if (groups?.["banner"] !== undefined) banner ??= Number(groups["banner"]);
      if (groups?.["symbol"] !== undefined) {
        symbols = Math.max(symbols ?? 0, Number(groups["symbol"]));
      }
      if (groups?.["musl"] !== undefined) musl ??= Number(groups["musl"]);
    },
    () => {
      const glibc = banner ?? symbols;
      if (glibc !== undefined) return { kind: "libc", family: "glibc", major: 2, minor: glibc };
      if (musl !== undefined) return { kind: "libc", family: "musl", major: 1, minor: musl };
      return undefined;
    },
  );
}

/** Longest text that a scanner's expression can match, with what stands around it. */
const longestMatch = 512;

function scanner(
  expression: RegExp,
  found: (match: RegExpExecArray) => void,
  finish: () => Finding | undefined,
): FindingReader {
  // What one chunk ends with is looked at again with the next; a match that is seen twice does no harm.
  let tail = "";
  return {
    write(chunk) {
      const text =
        tail + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1");
      for (const match of text.matchAll(expression)) found(match);
      tail = text.slice(-longestMatch);
    },
    finish,
  };
}
