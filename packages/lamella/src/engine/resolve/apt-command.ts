import type { Platform } from "../../image/platform.ts";
import { caBundlePath } from "../execute/machine-settings.ts";
import type { PlannedCache } from "../plan.ts";

/** Beside the image's own folders, which hooks of base images empty (docker-clean), and so never in a layer. */
const folder = "/run/lamella/apt";

/** Variable with the name of the build: what it finds updated by itself it does not update again. */
export const buildVariable = "LAMELLA_BUILD";

/** What is said where apt has no sources: it says nothing itself, and then finds no package. */
export const noSources = "W: /etc/apt names no archives.";

/**
 * Installs the packages that are its arguments.
 *
 * - Lists and archives are in caches that are no part of the image. The lists are updated once a build, and again when
 *   the image's own settings of apt have become others.
 * - Logs, and the linker's cache of inodes, differ from one run to the next: what was not there before goes.
 * - Where an archive does not answer, apt-get would take old lists for new ones, and not fail (`Error-Mode`).
 */
const script = `
set -eu
fresh=
for file in /var/log/apt/history.log /var/log/apt/term.log /var/log/apt/eipp.log.xz /var/log/apt \\
  /var/log/dpkg.log /var/log/alternatives.log /var/log/fontconfig.log /var/cache/ldconfig/aux-cache; do
  [ -e "$file" ] || fresh="$fresh $file"
done
mkdir -p ${folder}/lists/partial ${folder}/archives/partial
apt_get() {
  ca=
  [ ! -e ${caBundlePath} ] || ca="-o Acquire::https::CAInfo=${caBundlePath}"
  apt-get -q -y $ca -o Dir::State::lists=${folder}/lists -o Dir::Cache::archives=${folder}/archives \\
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Keep-Downloaded-Packages=true \\
    -o APT::Install-Recommends=false -o APT::Install-Suggests=false -o Dpkg::Use-Pty=false "$@"
}
grep -rqsE '^(deb|Types:)' /etc/apt/sources.list /etc/apt/sources.list.d || echo "${noSources}" >&2
settings=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/apt.conf /etc/apt/apt.conf.d/* 2>/dev/null | sha256sum)
updated="$${buildVariable} $settings"
if [ "$(cat ${folder}/lists/updated 2>/dev/null)" != "$updated" ]; then
  apt_get -o APT::Update::Error-Mode=any update
  echo "$updated" >${folder}/lists/updated
fi
apt_get install -- "$@"
rm -rf $fresh
`.trim();

/** What installs Debian packages. */
export function aptCommand(packages: readonly string[]): readonly string[] {
  return ["/bin/sh", "-c", script, "apt", ...packages];
}

export const aptVariables: Readonly<Record<string, string>> = { DEBIAN_FRONTEND: "noninteractive" };

/** Lists and archives, for each platform: two of one build would wait for each other. */
export function aptCaches(platform: Platform): readonly PlannedCache[] {
  return ["lists", "archives"].map((name) => ({
    id: `apt-${name}-${platform.replace("/", "-")}`,
    path: `${folder}/${name}`,
  }));
}
