import { stat } from "node:fs/promises";
import type { StepMount } from "../../execution/step-mount.ts";
import { withCredentials } from "../../python/package-index/credentials.ts";
import type { IndexSettings } from "../../python/package-index/settings.ts";

type Variables = Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where a step finds the certificate authorities of this machine. `/dev` is the runtime's own: in no layer, and no command
 * clears it as many do `/run` and `/tmp`, where what is mounted would be in their way.
 */
export const caBundlePath = "/dev/lamella/ca-certificates.crt";

/** What of this machine a step needs to reach the network. No part of its key, of the plan or of the image. */
export interface MachineSettings {
  readonly variables: Variables;
  /** Absolute path, on this machine, of what is at {@link caBundlePath}. */
  readonly caBundle?: string;
  /** Parts of the variables that nobody is to see. */
  readonly secrets: readonly string[];
}

const proxyVariables = ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"];

/** Names by which OpenSSL, curl, Python's requests and pip, git and Node are told of certificate authorities. */
const caVariables = [
  "SSL_CERT_FILE",
  "CURL_CA_BUNDLE",
  "REQUESTS_CA_BUNDLE",
  "GIT_SSL_CAINFO",
  "NODE_EXTRA_CA_CERTS",
];

/** Where systems, and images, keep the bundle (Go's crypto/x509, root_linux.go). */
const caBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Proxies, certificate authorities and package indexes of this machine, as the programs of a step are told them. */
export async function machineSettings(
  env: Environment,
  indexes: IndexSettings,
): Promise<MachineSettings> {
  const caBundle = await firstFile([env["SSL_CERT_FILE"], ...caBundles]);
  const proxies = proxyVariables
    .flatMap((name) => [name, name.toUpperCase()])
    .flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  const certificates =
    caBundle === undefined ? [] : caVariables.map((name) => [name, caBundlePath] as const);
  return {
    variables: {
      ...Object.fromEntries([...proxies, ...certificates]),
      ...indexVariables(indexes),
    },
    ...(caBundle === undefined ? {} : { caBundle }),
    secrets: [
      ...proxies.map(([, address]) => passwordOf(address)),
      ...[indexes.defaultIndex, ...indexes.indexes].map((index) => index?.credentials?.password),
    ].filter((secret): secret is string => secret !== undefined && secret !== ""),
  };
}

/**
 * What is at {@link caBundlePath}. A step before may have told the image of more authorities, so the image's own are there
 * too: a variable that names a bundle puts it in the place of the system's. (To what the very step adds OpenSSL and curl
 * come by the folder of the system, which no variable here replaces.)
 */
export function certificateMounts({ caBundle }: MachineSettings): readonly StepMount[] {
  return caBundle === undefined
    ? []
    : [
        {
          kind: "certificates",
          source: caBundle,
          inImage: caBundles,
          destination: caBundlePath,
        },
      ];
}

/** pip's names and uv's for the same. */
function indexVariables({ defaultIndex, indexes, trustedHosts }: IndexSettings): Variables {
  const first = defaultIndex && withCredentials(defaultIndex.url, defaultIndex.credentials);
  const more = indexes.map(({ url, credentials }) => withCredentials(url, credentials)).join(" ");
  return {
    ...(first === undefined ? {} : { PIP_INDEX_URL: first, UV_DEFAULT_INDEX: first }),
    ...(more === "" ? {} : { PIP_EXTRA_INDEX_URL: more, UV_INDEX: more }),
    ...(trustedHosts.length === 0 ? {} : { PIP_TRUSTED_HOST: trustedHosts.join(" ") }),
  };
}

function passwordOf(address: string): string | undefined {
  try {
    return decodeURIComponent(new URL(address).password);
  } catch {
    return undefined;
  }
}

async function firstFile(paths: readonly (string | undefined)[]): Promise<string | undefined> {
  for (const path of paths) {
    if (!path) continue;
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isFile() === true) return path;
  }
  return undefined;
}
