import { isDistributionName, normalizeName } from "../../python/distribution-name.ts";
import type { ImageFiles } from "./image-files.ts";

/** A package that is installed in an image. */
export interface InstalledPackage {
  readonly kind: "python" | "debian";
  /** Normalized (PEP 503), or as dpkg has it, with the architecture where several can be there: `libc6:arm64`. */
  readonly name: string;
  readonly version: string;
  /** The folder that a Python package is installed in. */
  readonly location?: string;
}

/** dpkg's list of what is installed. */
const dpkgStatus = "var/lib/dpkg/status";

/** Files whose content says which packages there are. */
export function namesPackages(path: string): boolean {
  return path === dpkgStatus;
}

/** What Python's installers and dpkg have installed. */
export function installedPackages(image: ImageFiles): readonly InstalledPackage[] {
  return [...pythonPackages(image), ...debianPackages(image)];
}

/** Folders of metadata are named after package and version (PyPA "Recording installed projects"). */
function* pythonPackages({ files }: ImageFiles): Generator<InstalledPackage, void, void> {
  for (const path of files.keys()) {
    const match = /^(.+)\/([^/-]+)-([^/]+)\.dist-info\/METADATA$/.exec(path);
    const [, location = "", name = "", version = ""] = match ?? [];
    if (!match || !isDistributionName(name)) continue;
    yield { kind: "python", name: normalizeName(name), version, location };
  }
}

/** deb-control(5) paragraphs; a package that was removed can still have one. */
function* debianPackages({ files, texts }: ImageFiles): Generator<InstalledPackage, void, void> {
  const status = files.has(dpkgStatus) ? (texts.get(dpkgStatus) ?? "") : "";
  for (const paragraph of status.split(/\n\n+/)) {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}: *(.*)$`, "m").exec(paragraph)?.[1];
    const [name, version, state] = [field("Package"), field("Version"), field("Status")];
    if (!name || !version || !state || / (?:not-installed|config-files)$/.test(state)) continue;
    const shared = field("Multi-Arch") === "same";
    const architecture = field("Architecture");
    yield {
      kind: "debian",
      name: shared && architecture ? `${name}:${architecture}` : name,
      version,
    };
  }
}
