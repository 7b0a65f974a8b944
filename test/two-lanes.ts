import { together } from "../packages/lamella/src/engine/together.ts";

/** Does some work so many times, in two lanes at once. */
export async function times(
  count: number,
  work: (time: number, lane: string) => Promise<void>,
): Promise<void> {
  let next = 0;
  const stop = (): void => {
    next = count;
  };
  const lanes = ["lane-1", "lane-2"].map(async (lane) => {
    while (next < count) await work(next++, lane);
  });
  await together({ stop }, lanes);
}
