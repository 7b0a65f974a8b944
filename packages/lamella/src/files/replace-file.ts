import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";

/**
 * Gives a file its text: whoever reads it finds the old one or the new one whole. `temporary` is a path of nobody else's
 * on the same filesystem; beside the file if absent. What fails leaves the file as it was, and is thrown as it comes.
 */
export async function replaceFile(
  path: string,
  text: string,
  temporary: string = `${path}.${randomUUID()}.tmp`,
): Promise<void> {
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
