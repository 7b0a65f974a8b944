import { recallOutline } from "../../base/outline-memo.ts";
import { stackOutlineKey } from "../../base/stack-outline.ts";
import type { Store } from "../../store/store.ts";
import { diffIdsThrough, recallPlan } from "../materialize/recall-plan.ts";
import type { PreparedPlan } from "./prepared-plan.ts";

/** The plan made again above each of its boundaries, as far up as it is remembered what was executed below, and left. */
export async function withMemory(prepared: PreparedPlan, store: Store): Promise<PreparedPlan> {
  const boundary = prepared.boundaries.find(({ found }) => found === undefined);
  if (!boundary) return prepared;
  const results = await recallPlan(prepared.plan, store);
  const diffIds = diffIdsThrough(prepared.plan, boundary.step, results);
  const key = diffIds && stackOutlineKey(prepared.base, diffIds);
  const outline = key && (await recallOutline(key, store));
  if (!outline) return prepared;
  return withMemory(await prepared.above(boundary, { key, outline }), store);
}
