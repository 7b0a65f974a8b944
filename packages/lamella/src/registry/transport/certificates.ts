import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { RegistrySettingsError } from "../error.ts";

const contexts = new Map<string, Promise<SecureContext>>();

/**
 * The certificate authorities of Node and of the system, and those of a PEM file. Reading them takes some 50 ms, so
 * it is done once a process and only when HTTPS is spoken.
 *
 * @param host whose settings name the file
 * @throws {RegistrySettingsError} where the file cannot be read or holds no certificates
 */
export function trustedCertificates(ca: string | undefined, host: string): Promise<SecureContext> {
  const key = ca ?? "";
  let context = contexts.get(key);
  if (context === undefined) {
    context = load(ca, host);
    contexts.set(key, context);
    context.catch(() => contexts.delete(key));
  }
  return context;
}

async function load(ca: string | undefined, host: string): Promise<SecureContext> {
  const known = [...getCACertificates("default"), ...getCACertificates("system")];
  if (ca === undefined) return createSecureContext({ ca: [...new Set(known)] });
  try {
    const own = await readFile(ca, "utf8");
    // Throws for an empty or malformed file, which Node would take for no certificates at all.
    for (const certificate of splitPem(own))
      known.push(new X509Certificate(certificate).toString());
  } catch (error) {
    throw new RegistrySettingsError(
      host,
      `The certificates of ${host} in ${ca} cannot be read.`,
      'The setting "ca" names a file of PEM certificates.',
      { cause: error },
    );
  }
  return createSecureContext({ ca: [...new Set(known)] });
}

function splitPem(text: string): string[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (found === null) throw new Error("There is no certificate in it.");
  return found;
}
