import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerEngine } from "../packages/lamella/testing/container-engine.ts";

/**
 * What there is in an image, by absolute path: `directory 0755 0:0`, `file 0644 0:0 DIGEST` or `link to TARGET`; owners
 * are numbers.
 */
export type Inventory = ReadonlyMap<string, string>;

/** All that a container of an image sees below a path. The image has Debian's Python 3.11. */
export async function takeInventory(
  engine: ContainerEngine,
  reference: string,
  ...tops: readonly string[]
): Promise<Inventory> {
  const program = await readFile(join(import.meta.dirname, "inventory.py"), "utf8");
  // Isolated, without site packages, and without leaving bytecode.
  const interpreter = ["/usr/bin/python3", "-I", "-S", "-B"];
  const printed = await engine.run(reference, [
    ...interpreter,
    "-c",
    program,
    ...(tops.length > 0 ? tops : ["/"]),
  ]);
  return new Map(Object.entries(JSON.parse(printed) as Record<string, string>));
}

/** How an image differs from what it stands on. */
export interface InventoryChanges {
  readonly added: Inventory;
  readonly removed: Inventory;
  /** As `before → after`. */
  readonly changed: Inventory;
}

export function compareInventories(before: Inventory, after: Inventory): InventoryChanges {
  const only = (one: Inventory, other: Inventory): Inventory =>
    new Map([...one].filter(([path]) => !other.has(path)));
  const changed = new Map<string, string>();
  for (const [path, is] of after) {
    const was = before.get(path);
    if (was !== undefined && was !== is) changed.set(path, `${was} → ${is}`);
  }
  return { added: only(after, before), removed: only(before, after), changed };
}
