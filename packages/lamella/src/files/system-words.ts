const words: Readonly<Record<string, string>> = {
  EACCES: "there is no permission for it",
  EISDIR: "it is a folder",
  ENOENT: "it is not there",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of its path is no folder",
  EPERM: "there is no permission for it",
  EROFS: "the disk is read-only",
};

/** What the operating system says of a file, as the end of a sentence: its own words are for programmers. */
export function systemWords(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return words[code] ?? (error instanceof Error ? error.message : String(error));
}
