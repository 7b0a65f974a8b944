// RFC 7468; OpenSSL adds what is trusted for what in TRUSTED ones.
const certificate = /-----BEGIN ((?:TRUSTED )?CERTIFICATE)-----[^-]*-----END \1-----/g;

/** The certificates of files in PEM, in their order and each once: some readers refuse a file that has one twice. */
export function joinCertificates(texts: readonly string[]): string {
  const found = new Set(
    texts.flatMap((text) => text.match(certificate) ?? []).map((pem) => pem.replaceAll("\r", "")),
  );
  return [...found].map((pem) => `${pem}\n`).join("");
}
