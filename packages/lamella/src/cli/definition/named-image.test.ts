import { expect, test } from "vitest";
import { DefinitionError } from "../../image/error.ts";
import { BlobNotFoundError } from "../../store/error.ts";
import { inNameOf, namedEvent, shownImage, withImageName } from "./named-image.ts";

test("an image goes by its file, and its export unless that is the default one", () => {
  expect(shownImage({ shown: "images.ts" }, { name: "train" })).toBe("images.ts#train");
  expect(shownImage({ shown: "images.ts" }, { name: "default" })).toBe("images.ts");
});

test("hints name the image in commands that can be copied", () => {
  expect(withImageName("Write it: lamella lock FILE. Or not.", "a.ts#b")).toBe(
    "Write it: lamella lock a.ts#b. Or not.",
  );
  expect(withImageName("lamella build FILE --upgrade", "my images.ts")).toBe(
    "lamella build 'my images.ts' --upgrade",
  );
  expect(withImageName("Set SSL_CERT_FILE, or name a FILE.", "a.ts")).toBe(
    "Set SSL_CERT_FILE, or name a FILE.",
  );
  const warning = { kind: "warning", at: 0, code: "c", message: "m" } as const;
  expect(namedEvent(warning, "a.ts")).toBe(warning);
  expect(namedEvent({ ...warning, hint: "lamella lock FILE" }, "a.ts")).toMatchObject({
    hint: "lamella lock a.ts",
  });
});

const fail = (error: Error): Promise<unknown> =>
  inNameOf("images.ts#train", async () => {
    throw error;
  });

test("errors keep their code; those of the definition begin with its name", async () => {
  await expect(
    fail(new BlobNotFoundError("Gone.", "Build it: lamella build FILE.")),
  ).rejects.toMatchObject({
    code: "store-blob-not-found",
    message: "Gone.",
    hint: "Build it: lamella build images.ts#train.",
  });
  await expect(fail(new DefinitionError("Bad.", "Mend it."))).rejects.toMatchObject({
    code: "definition-invalid",
    message: "images.ts#train: Bad.",
  });
  const other = new Error("boom");
  await expect(fail(other)).rejects.toBe(other);
});
