import { setTimeout as delay } from "node:timers/promises";
import { parseImageManifest } from "../packages/lamella/src/oci/manifest.ts";

/** Looks after the tags of one repository in a registry on loopback: each is there whole, or not there. */
export class TagCheck {
  readonly #repository: string;
  readonly #whole = new Set<string>();

  /** `name` is the repository's, without the registry's host. */
  constructor(host: string, name: string) {
    this.#repository = `http://${host}/v2/${name}`;
  }

  /** Tags that were found whole so far. */
  get whole(): ReadonlySet<string> {
    return this.#whole;
  }

  /** What is missing of the tags that came since the last call, in words; nothing, most hopefully. */
  async missing(): Promise<readonly string[]> {
    const listed = await fetch(`${this.#repository}/tags/list`);
    if (listed.status === 404) return [];
    const { tags } = (await listed.json()) as { readonly tags: readonly string[] | null };
    const missing: string[] = [];
    for (const tag of tags ?? []) {
      if (this.#whole.has(tag)) continue;
      const lacking = await this.#lackingOf(tag);
      if (lacking.length === 0) this.#whole.add(tag);
      missing.push(...lacking.map((what) => `${tag}: ${what}`));
    }
    return missing;
  }

  async #lackingOf(tag: string): Promise<string[]> {
    const answer = await this.#manifest(tag);
    if (!answer.ok) return [`manifest (${answer.status})`];
    const { config, layers } = parseImageManifest(await answer.bytes());
    const lacking: string[] = [];
    for (const { digest, size } of [config, ...layers]) {
      const { ok, headers } = await fetch(`${this.#repository}/blobs/${digest}`, {
        method: "HEAD",
      });
      if (!ok || Number(headers.get("content-length")) !== size) lacking.push(digest);
    }
    return lacking;
  }

  /** The registry lists a tag some milliseconds before it can be asked for. */
  async #manifest(tag: string): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const answer = await fetch(`${this.#repository}/manifests/${tag}`, {
        headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
      });
      if (answer.status !== 404 || attempt === 20) return answer;
      await delay(50);
    }
  }
}
