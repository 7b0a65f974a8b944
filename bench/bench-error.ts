/** Something that keeps the benchmark from running and that the person who started it can put right. */
export class BenchError extends Error {
  override readonly name = "BenchError";
}
