import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LamellaError } from "../../error.ts";
import { sha256 } from "../../files/digest.ts";
import { Redactor } from "./redactor.ts";

const secret = 'gh"p_1/6C+e4&2 ü';

function redactor(...values: readonly (string | Uint8Array)[]): Redactor {
  const made = new Redactor();
  for (const value of values) made.add(value);
  return made;
}

test("a value is taken out, as it is and however it is written", () => {
  const redact = redactor(secret);
  const spellings = [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ q: secret }).toString(),
    Buffer.from(secret).toString("base64"),
    Buffer.from(secret).toString("base64url"),
    JSON.stringify({ token: secret }),
  ];
  for (const spelling of spellings)
    expect(redact.text(`a ${spelling} b`)).toMatch(/^a .*\*\*\*.* b$/);
  expect(redact.text(spellings.join("\n"))).not.toMatch(/6C|NkMr|2%20/);
});

test("within base64 of a longer text no part of a value is left that would give it away", () => {
  const bytes = fc.uint8Array({ maxLength: 5 });
  fc.assert(
    fc.property(bytes, bytes, fc.stringMatching(/^[a-z]{9,20}$/), (before, after, value) => {
      const text = Buffer.concat([before, Buffer.from(value), after]).toString("base64");
      const left = redactor(value).text(text).split("***");
      expect(left.length).toBeGreaterThan(1);
      // Two characters at each end are of the neighbours too.
      const rest = left.map((part) => Buffer.from(part, "base64").toString("latin1")).join("\0");
      expect(rest).not.toContain(value.slice(2, 6));
    }),
  );
});

test("of a value with several lines each is taken out, and of a file its bytes", () => {
  const key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nx\n-----END KEY-----\n";
  const redact = redactor(key, Uint8Array.of(0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa));
  expect(redact.text("line MIIEpAIBAAKCAQEA end x")).toBe("line *** end x");
  expect(redact.text("//79/Pv6")).toBe("***");
});

test("what is too short to be a secret is left", () => {
  expect(redactor("", "abc", "\n").text("abc")).toBe("abc");
});

test("data loses the values wherever they are, and keeps its digests and the rest", () => {
  const digest = sha256("x");
  const value = digest.slice(10, 14);
  const data = { a: [`x${secret}`, 1, null, true], b: { digest }, c: undefined };
  expect(redactor(secret, value).data(data)).toEqual({
    a: ["x***", 1, null, true],
    b: { digest },
    c: undefined,
  });
});

test("an error loses them in place, with its causes and all that it carries", () => {
  class FailedError extends LamellaError {
    readonly code = "failed";
    readonly lastLines = [`line ${secret}`];
  }
  const cause = new AggregateError([new Error(`inner ${secret}`)], `cause ${secret}`);
  const error = new FailedError(`message ${secret}`, `hint ${secret}`, { cause });
  redactor(secret).error(error);
  expect(error).toMatchObject({
    message: "message ***",
    hint: "hint ***",
    lastLines: ["line ***"],
  });
  expect(error.stack).toContain("message ***");
  expect(error.stack).not.toContain(secret);
  expect(cause.message).toBe("cause ***");
  expect((cause.errors as Error[])[0]?.message).toBe("inner ***");
});
