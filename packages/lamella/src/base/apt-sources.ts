import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { BootstrapUnavailableError } from "./error.ts";

interface Options {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/** Fields of `apt-get indextargets`, in the order of {@link parseTargets}. */
const format = ["REPO_URI", "RELEASE", "COMPONENT", "ORIGIN", "LABEL"]
  .map((field) => `$(${field})`)
  .join("\t");

/**
 * Where this machine gets Debian packages from, as lines of a sources.list for a suite: the machine's own archives, so
 * that a base is made behind a firewall too. For the machine's own suite its updates and security archives are among
 * them; for another suite it is the main archive alone. Empty where the machine's sources say nothing of Debian: then
 * mmdebstrap's own default is right. Raises BootstrapUnavailableError where there is no apt.
 */
export async function debianSources(suite: string, options: Options): Promise<readonly string[]> {
  const { env, signal } = options;
  try {
    const { stdout } = await promisify(execFile)(
      "apt-get",
      ["indextargets", "--format", format, "Created-By: Packages"],
      {
        env: { ...env, LC_ALL: "C.UTF-8" },
        maxBuffer: 64 * 1024 * 1024,
        ...(signal && { signal }),
      },
    );
    return sourceLines(suite, stdout);
  } catch (error) {
    signal?.throwIfAborted();
    throw new BootstrapUnavailableError(
      `Cannot ask apt where Debian packages come from: ${error instanceof Error ? error.message.trim() : String(error)}`,
      "A base is bootstrapped on Debian or a system like it. Run: apt-get update",
      { cause: error },
    );
  }
}

/** {@link debianSources} from the answer of `apt-get indextargets`. */
export function sourceLines(suite: string, targets: string): string[] {
  const debian = parseTargets(targets).filter(
    ({ component, origin, label }) =>
      component === "main" && origin === "Debian" && /^Debian(?:-Security)?$/.test(label),
  );
  const own = debian.filter(
    ({ release }) => release === suite || /^-(?:updates|security)$/.test(suffix(release, suite)),
  );
  const isOwn = own.some(({ release }) => release === suite);
  const archive = debian.find(({ label, release }) => label === "Debian" && !/-/.test(release));
  const chosen = isOwn ? own : archive ? [{ ...archive, release: suite }] : [];
  const lines = chosen.map(({ uri, release }) => `deb ${uri} ${release} main`);
  return [...new Set(lines)];
}

function suffix(release: string, suite: string): string {
  return release.startsWith(suite) ? release.slice(suite.length) : "";
}

interface Target {
  readonly uri: string;
  readonly release: string;
  readonly component: string;
  readonly origin: string;
  readonly label: string;
}

function parseTargets(targets: string): Target[] {
  return targets
    .split("\n")
    .map((line) => line.split("\t"))
    .filter((fields) => fields.length === 5 && !/[\s[\]]/.test(fields[0] ?? ""))
    .map(([uri = "", release = "", component = "", origin = "", label = ""]) => ({
      uri,
      release,
      component,
      origin,
      label,
    }));
}
