import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MissingFileError } from "../files/error.ts";
import { readRequirementsFile } from "./requirements-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "requirements-file-"));
  await mkdir(join(folder, "sub"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("includes are followed once each, relative to the file that names them", async () => {
  const main = join(folder, "requirements.txt");
  await writeFile(
    main,
    "six\n-r sub/more.txt # more\n--constraint=sub/limits.txt\n# -r no.txt\n-r https://host/x.txt\n",
  );
  await writeFile(
    join(folder, "sub/more.txt"),
    "-c limits.txt\r\n-r ../requirements.txt\r\n-rdeep.txt",
  );
  await writeFile(join(folder, "sub/limits.txt"), "six<2\n");
  await writeFile(join(folder, "sub/deep.txt"), "--requirement \\\n  limits.txt\n");
  expect(readRequirementsFile(main).files.map((file) => file.absolute)).toEqual([
    main,
    join(folder, "sub/more.txt"),
    join(folder, "sub/limits.txt"),
    join(folder, "sub/deep.txt"),
  ]);
});

test("local wheels and projects are found in every file", async () => {
  const main = join(folder, "requirements.txt");
  await writeFile(
    main,
    "./a.whl --hash=sha256:00\n-r sub/more.txt\nsix # ./no.whl\n--find-links ./no\n",
  );
  await writeFile(join(folder, "sub/more.txt"), "b @ file:///srv/b.whl\n../c[x] ; extra == 'y'\n");
  expect(readRequirementsFile(main).local).toEqual([
    join(folder, "a.whl"),
    "/srv/b.whl",
    join(folder, "c"),
  ]);
});

test("an include that is missing is named", async () => {
  const main = join(folder, "requirements.txt");
  await writeFile(main, "-r no.txt\n");
  expect(() => readRequirementsFile(main)).toThrow(MissingFileError);
  expect(() => readRequirementsFile(main)).toThrow(join(folder, "no.txt"));
});
