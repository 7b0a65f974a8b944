import { expect, test } from "vitest";
import { joinCertificates } from "./certificates.ts";

const pem = (content: string, kind = "CERTIFICATE"): string =>
  `-----BEGIN ${kind}-----\n${content}\n-----END ${kind}-----\n`;

test("each certificate is there once, in the order of the files, and nothing else", () => {
  const machine = `# Acme\n${pem("QUE=")}\nsubject=b\n${pem("QkI=")}`;
  const image = `${pem("QkI=").replaceAll("\n", "\r\n")}${pem("Q0M=", "TRUSTED CERTIFICATE")}${pem("a2V5", "PRIVATE KEY")}`;
  expect(joinCertificates([machine, image])).toBe(
    pem("QUE=") + pem("QkI=") + pem("Q0M=", "TRUSTED CERTIFICATE"),
  );
});

test("what is no certificate is left out", () => {
  expect(joinCertificates(["", "-----BEGIN CERTIFICATE-----\nno end", "text"])).toBe("");
});
