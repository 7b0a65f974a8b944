export { Image } from "./image/image.ts";
export type * from "./image/image.ts";
export { LamellaError } from "./error.ts";
