/** Where bytes are written in order. A sink that returns nothing has taken the bytes and will not look at them again. */
export interface ByteSink {
  write(chunk: Uint8Array): Promise<void> | void;
}
