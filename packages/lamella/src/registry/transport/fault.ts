import { RegistryUnreachableError } from "../error.ts";

/** The connection broke or stayed silent: the same request may succeed. */
const brokenCodes: ReadonlySet<string> = new Set([
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "UND_ERR_SOCKET",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_ABORTED",
  "UND_ERR_INFO",
]);

const refused = "ECONNREFUSED";

/**
 * No connection came about. For a host that has answered before it is a restart or a weak network, and worth another
 * try; for one that never did it is a wrong address or no network, and better said at once.
 */
const contactCodes: ReadonlySet<string> = new Set([
  refused,
  "ETIMEDOUT",
  "EAI_AGAIN",
  "ENETDOWN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

const untrustedCodes: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);

/**
 * Translates what Node and undici raise when there is no answer.
 *
 * @param host the host that was asked
 * @param hasAnswered whether it has answered before
 */
export function registryUnreachable(
  registry: string,
  host: string,
  error: unknown,
  hasAnswered: boolean,
): RegistryUnreachableError {
  const code = faultCode(error);
  const transient = brokenCodes.has(code) || (contactCodes.has(code) && hasAnswered);
  const named = host === registry ? registry : `${registry} (${host})`;
  return new RegistryUnreachableError(
    registry,
    `The registry ${named} cannot be reached: ${describe(code, error)}.`,
    wayOut(code, host),
    { cause: error, transient },
  );
}

/** The innermost code: undici wraps Node's errors, and Node those of several addresses of one name. */
function faultCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const inner =
    error instanceof AggregateError ? faultCode(error.errors[0]) : faultCode(error.cause);
  if (inner !== "") return inner;
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

function describe(code: string, error: unknown): string {
  switch (code) {
    case refused:
      return "nothing listens there";
    case "ENOTFOUND":
      return "its name is not known";
    case "EAI_AGAIN":
      return "its name could not be looked up";
    case "ECONNRESET":
    case "ECONNABORTED":
    case "EPIPE":
    case "UND_ERR_SOCKET":
      return "it breaks the connection off";
    case "ETIMEDOUT":
    case "UND_ERR_CONNECT_TIMEOUT":
    case "UND_ERR_HEADERS_TIMEOUT":
    case "UND_ERR_BODY_TIMEOUT":
      return "it does not answer in time";
    case "CERT_HAS_EXPIRED":
      return "its certificate has expired";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "its certificate is for another name";
    default: {
      if (untrustedCodes.has(code)) return "its certificate is signed by an unknown authority";
      if (isNotTls(code)) return "it does not speak TLS";
      const message = error instanceof Error ? error.message : String(error);
      return code === "" ? message : `${message} (${code})`;
    }
  }
}

function isNotTls(code: string): boolean {
  return (
    code === "EPROTO" ||
    code === "ERR_SSL_WRONG_VERSION_NUMBER" ||
    code === "ERR_SSL_PACKET_LENGTH_TOO_LONG"
  );
}

function wayOut(code: string, host: string): string {
  if (untrustedCodes.has(code)) {
    return `Name the file of the authority that signed it: registries: { "${host}": { ca: "/path/to/ca.pem" } }.`;
  }
  if (isNotTls(code)) {
    return `If it is meant to be used without TLS: registries: { "${host}": { plainHttp: true } }.`;
  }
  if (code === refused) return "Check the port, and that the registry is running.";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return "Check the spelling of the host, the network and the proxy settings.\nWithout a network, configure a mirror for this registry.";
  }
  return "Check the network and the proxy settings, then try again.\nIf it stays so, look into the registry's log.";
}
