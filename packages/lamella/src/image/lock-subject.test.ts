import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Image } from "./image.ts";
import { lockSubject } from "./lock-subject.ts";

const plain = Image.fromBase("python:3.12", { name: "n" });
const subject = (image: Image): string => lockSubject(image.definition);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-subject-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("is what is to be installed on what, and nothing else of the image", () => {
  const six = plain.withPipPackages("six");
  expect(subject(six.withEnvVars({ A: "1" }).clone({ tag: "v1" }))).toBe(subject(six));
  const others = [
    plain,
    plain.withPipPackages("idna"),
    plain.withPipPackages("six", { pre: true }),
    six.withPipPackages("idna"),
    plain.withPipPackages("six", "idna"),
    Image.fromBase("python:3.13", { name: "n" }).withPipPackages("six"),
  ].map(subject);
  expect(new Set([...others, subject(six)]).size).toBe(others.length + 1);
});

test("does not know where files lie, nor their comments", async () => {
  const [x, y] = ["/x", "/y"].map((path) =>
    subject(plain.withPipPackages(`${path}/a-1-py3-none-any.whl`)),
  );
  expect(x).toBe(y);
  const file = join(folder, "requirements.txt");
  const read = async (text: string) => {
    await writeFile(file, text);
    return subject(plain.withRequirements(file));
  };
  const first = await read("six\nidna\n");
  expect(await read("# why\nsix # and\n\nidna\n")).toBe(first);
  expect(await read("six\n")).not.toBe(first);
});
