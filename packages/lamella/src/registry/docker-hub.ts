// Docker Hub is one registry with three names: references say docker.io, its API answers at another host, and the
// Docker client keeps the credentials under the address of the API of 2013.

export const dockerHub = "docker.io";

/** The key in Docker's config.json. */
export const dockerHubCredentialsKey = "https://index.docker.io/v1/";

const names: ReadonlySet<string> = new Set([dockerHub, "index.docker.io", "registry-1.docker.io"]);

export function isDockerHub(host: string): boolean {
  return names.has(host);
}

/** The host that answers the distribution API. */
export const dockerHubApiHost = "registry-1.docker.io";
