import type { RequestLine, RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";

/** What went to a registry and came from it, read from its own access log. */
export interface Traffic {
  /** Digests of the blobs that were uploaded, as often as they were. */
  readonly uploads: readonly string[];
  /** Digests of the blobs that were mounted from another repository. */
  readonly mounts: readonly string[];
  /** Digests of the blobs whose bytes were asked for, as often as they were, in whole or in part. */
  readonly downloads: readonly string[];
  /** Bytes of the blobs that were sent. */
  readonly downloaded: number;
  /** Manifests that were put: `repository:tag`. */
  readonly manifests: readonly string[];
  /** All requests that mean to change something. */
  readonly writes: readonly RequestLine[];
}

/** What a piece of work asked of a registry, beside what the work itself gives. */
export async function withTraffic<T>(
  registry: RunningRegistry,
  work: () => Promise<T>,
): Promise<Traffic & { readonly result: T }> {
  const before = (await registry.accessLog()).length;
  const result = await work();
  return { ...traffic((await registry.accessLog()).slice(before)), result };
}

// distribution-spec: blobs are read at /v2/<name>/blobs/<digest>, and written at /v2/<name>/blobs/uploads/… by a request
// with the digest as its last word (PUT, or POST in one go); POST with `mount` mounts, where it is answered with 201.
const blobPath = /^\/v2\/.+\/blobs\/(sha256:[0-9a-f]{64})$/;
const uploadPath = /^\/v2\/.+\/blobs\/uploads\//;
const manifestPath = /^\/v2\/(.+)\/manifests\/([^/]+)$/;

function traffic(lines: readonly RequestLine[]): Traffic {
  const reads = lines.filter(
    ({ method, path }) => method === "GET" && blobPath.test(path.split("?")[0] ?? ""),
  );
  return {
    uploads: finishedUploads(lines, "digest"),
    mounts: finishedUploads(lines, "mount"),
    downloads: reads.map(({ path }) => blobPath.exec(path.split("?")[0] ?? "")?.[1] ?? ""),
    downloaded: reads.reduce((sum, { bytes }) => sum + bytes, 0),
    manifests: lines.flatMap(({ method, path }) => {
      const [, repository, tag] = manifestPath.exec(path) ?? [];
      return method === "PUT" && repository !== undefined ? [`${repository}:${tag}`] : [];
    }),
    writes: lines.filter(({ method }) => method !== "GET" && method !== "HEAD"),
  };
}

/** The values of a parameter in requests to the uploads' address that left a blob there. */
function finishedUploads(lines: readonly RequestLine[], parameter: "digest" | "mount"): string[] {
  return lines.flatMap(({ method, path, status }) => {
    const { pathname, searchParams } = new URL(path, "http://registry");
    const value = searchParams.get(parameter);
    const isEnd = (method === "PUT" || method === "POST") && status === 201;
    return isEnd && uploadPath.test(pathname) && value !== null ? [value] : [];
  });
}
