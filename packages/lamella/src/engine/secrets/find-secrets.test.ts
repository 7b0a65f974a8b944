import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Image } from "../../image/image.ts";
import type { SecretMounts } from "../../image/secret.ts";
import { type FindSecretsOptions, findSecrets, secretText } from "./find-secrets.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lamella-secrets-"));
  await writeFile(join(folder, "acme_api-key"), "from the folder\n");
  await writeFile(join(folder, "binary"), Uint8Array.of(0xff, 0));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function found(
  secretMounts: SecretMounts,
  options: Partial<FindSecretsOptions> = {},
): Promise<Record<string, string>> {
  const { definition } = Image.fromBase("x", { name: "y" }).withCommands("make", { secretMounts });
  const values = await findSecrets(definition, { sources: [], env: {}, folder, ...options });
  return Object.fromEntries([...values].map(([id, value]) => [id, Buffer.from(value).toString()]));
}

const secret = { key: "api-key", group: "acme" };
const id = "acme/api-key";

describe("a secret is found", () => {
  test("where the build says, else in the environment, else in the folder of secrets", async () => {
    const env = { ACME_API_KEY: "from the environment", OTHER: "from another variable" };
    expect(await found(secret)).toEqual({ [id]: "from the folder\n" });
    expect(await found(secret, { env: { ACME_API_KEY: "" } })).toEqual({
      [id]: "from the folder\n",
    });
    expect(await found(secret, { env })).toEqual({ [id]: env.ACME_API_KEY });
    expect(await found(secret, { env, sources: [{ id, env: "OTHER" }] })).toEqual({
      [id]: env.OTHER,
    });
    const src = join(folder, "acme_api-key");
    expect(await found(secret, { env, sources: [{ id, src }] })).toEqual({
      [id]: "from the folder\n",
    });
  });

  test("for every layer that names one", async () => {
    const { definition } = Image.fromBase("x", { name: "y" })
      .withAptPackages(["git"], { secretMounts: "a" })
      .withPipPackages("six", { secretMounts: "b" })
      .withRequirements("r.txt", { secretMounts: ["c", "a"] });
    const env = { A: "1", B: "2", C: "3" };
    const values = await findSecrets(definition, { sources: [], env, folder });
    expect([...values.keys()]).toEqual(["a", "b", "c"]);
  });
});

describe("a secret that is not there", () => {
  test("is an error that names them all, and the ways to give them", async () => {
    const finding = found(["a", { key: "b", group: "g" }]);
    await expect(finding).rejects.toMatchObject({
      code: "secret-missing",
      message: "The secrets a, g/b are not there, and the image needs them.",
      hint: expect.stringMatching(/--secret id=g\/b,src=FILE [^]* G_B, [^]*\/g_b/) as string,
    });
  });

  test("is one also where another place than the named one has it", async () => {
    for (const source of [
      { id, env: "OTHER" },
      { id, src: join(folder, "nothing") },
    ]) {
      const finding = found(secret, { env: { ACME_API_KEY: "x" }, sources: [source] });
      await expect(finding).rejects.toMatchObject({ code: "secret-missing" });
    }
  });
});

test("a variable has a file's text without the end of its line, and no bytes that are no text", async () => {
  expect(secretText(Buffer.from("a\nb\r\n"), "x")).toBe("a\nb");
  await expect(found("binary")).rejects.toMatchObject({ code: "secret-invalid" });
  expect(Object.keys(await found({ key: "binary", mountPath: "/x" }))).toEqual(["binary"]);
});
