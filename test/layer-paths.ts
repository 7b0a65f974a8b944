import { decompressLayer } from "../packages/lamella/src/oci/decompress.ts";
import { mediaType } from "../packages/lamella/src/oci/media-type.ts";
import { readTar } from "../packages/lamella/src/oci/tar-reader.ts";

/** The paths in a layer of ours, straight from a registry on loopback. `repository` has its host. */
export async function layerPaths(repository: string, digest: string): Promise<readonly string[]> {
  const [host = "", ...name] = repository.split("/");
  const response = await fetch(`http://${host}/v2/${name.join("/")}/blobs/${digest}`);
  if (!response.ok || !response.body) throw new Error(`${response.url}: ${response.status}`);
  const paths: string[] = [];
  for await (const { path } of readTar(decompressLayer(response.body, mediaType.layerGzip))) {
    paths.push(path);
  }
  return paths;
}
