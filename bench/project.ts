import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A folder as a user has it: 200 source files in `src/`, and room for a definition beside it. */
export interface Project {
  readonly path: string;
  /** Changes one line of one source file. */
  changeSource(): Promise<void>;
}

export const sourceFiles = 200;

export async function createProject(path: string): Promise<Project> {
  const write = (index: number, text: string): Promise<void> =>
    writeFile(join(path, "src", `module${index}.py`), `${text}\n`);
  await mkdir(join(path, "src"), { recursive: true });
  for (let index = 0; index < sourceFiles; index++) {
    await write(index, `def answer():\n    return ${index}\n`.repeat(40));
  }
  let changes = 0;
  return {
    path,
    changeSource: () => write(sourceFiles - 1, `answer = ${++changes}`),
  };
}
