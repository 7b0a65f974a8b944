/** Something that pulls images and runs commands in them. */
export interface ContainerEngine {
  /** Brings an image here. It may be named by tag or by digest. */
  pull(reference: string): Promise<void>;
  /** Runs a command in a new container of a pulled image, as the image's user, and returns its stdout. */
  run(reference: string, command: readonly string[]): Promise<string>;
}
