import { LamellaError } from "../error.ts";

/** A platform that images are built for (image-spec image-index.md, "platform"). */
export type Platform = "linux/amd64" | "linux/arm64";

export const platforms: readonly Platform[] = ["linux/amd64", "linux/arm64"];

/** A platform that Lamella does not build for. */
export class UnsupportedPlatformError extends LamellaError {
  readonly code = "platform-unsupported";
}

/** Parses `os/architecture`; `linux/arm64/v8` and the machine names `x86_64` and `aarch64` are taken too. */
export function parsePlatform(text: string): Platform {
  switch (text) {
    case "linux/amd64":
    case "linux/x86_64":
    case "amd64":
    case "x86_64":
      return "linux/amd64";
    case "linux/arm64":
    case "linux/arm64/v8":
    case "linux/aarch64":
    case "arm64":
    case "aarch64":
      return "linux/arm64";
    default:
      throw new UnsupportedPlatformError(
        `Unsupported platform: ${JSON.stringify(text.slice(0, 100))}.`,
        `Use one of ${platforms.join(", ")}.`,
      );
  }
}

/** What this machine runs by itself. Raises UnsupportedPlatformError. */
export function machinePlatform(): Platform {
  return parsePlatform(process.arch === "x64" ? "amd64" : process.arch);
}

/** `amd64` or `arm64`: GOARCH, as OCI names architectures. */
export function architecture(platform: Platform): "amd64" | "arm64" {
  return platform === "linux/amd64" ? "amd64" : "arm64";
}
