/**
 * The paths of a `RECORD` (Recording Installed Projects, "The RECORD file"): the first field of each row of a CSV file,
 * as written, relative to the folder that holds the `.dist-info` or absolute.
 */
export function parseRecordPaths(text: string): string[] {
  const paths: string[] = [];
  const row = /[^\S\r\n]*(?:"((?:[^"]|"")*)"|([^,\r\n]*))[^\r\n]*(?:\r\n|\r|\n|$)/y;
  while (row.lastIndex < text.length) {
    const match = row.exec(text);
    if (!match) break;
    const path = match[1] === undefined ? (match[2] ?? "") : match[1].replaceAll('""', '"');
    if (path !== "") paths.push(path);
  }
  return paths;
}
