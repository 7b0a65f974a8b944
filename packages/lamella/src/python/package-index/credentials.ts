/** A user name and password. Printing and serializing it does not show the password. */
export class Credentials {
  readonly username: string;
  readonly #password: string;

  constructor(username: string, password: string) {
    this.username = username;
    this.#password = password;
  }

  get password(): string {
    return this.#password;
  }

  /** The value of an `Authorization` header (RFC 7617). */
  get authorization(): string {
    return `Basic ${Buffer.from(`${this.username}:${this.#password}`, "utf8").toString("base64")}`;
  }

  toJSON(): string {
    return "***";
  }
}

/** Takes the credentials out of a URL. What remains may be shown and kept. */
export function splitCredentials(url: URL): { url: string; credentials?: Credentials } {
  if (url.username === "" && url.password === "") return { url: url.href };
  const credentials = new Credentials(
    decodeURIComponent(url.username),
    decodeURIComponent(url.password),
  );
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  return { url: bare.href, credentials };
}

/** The other way round, for the one reader that takes credentials only inside a URL: uv, through its environment. */
export function withCredentials(url: string, credentials: Credentials | undefined): string {
  if (credentials === undefined) return url;
  const full = new URL(url);
  full.username = encodeURIComponent(credentials.username);
  full.password = encodeURIComponent(credentials.password);
  return full.href;
}
