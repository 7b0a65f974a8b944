import type { CanonicalValue } from "../../files/canonical.ts";
import { requireOptions, show, splitTexts } from "../argument.ts";
import { DefinitionError } from "../error.ts";
import {
  encodeSecretMounts,
  type SecretMountsOptions,
  type SecretMountsSettings,
  secretMountsOptions,
  secretMountsSettings,
} from "../secret.ts";

/** Options of {@link Image.withAptPackages}. */
export interface AptPackagesOptions extends SecretMountsOptions {}

/** Debian packages. */
export interface AptPackagesLayer extends SecretMountsSettings {
  readonly kind: "apt-packages";
  readonly packages: readonly string[];
}

const call = "withAptPackages";

/**
 * A name (Debian Policy 5.6.7), with an architecture, a version or a release where they are wanted: `git`,
 * `libssl3:arm64`, `git=1:2.39*`, `git/bookworm-backports`. One that ends in `-` would remove the package.
 */
const packageName = /^[a-z0-9][a-z0-9+.-]*(?<!-)(:[a-z0-9-]+)?([=/][A-Za-z0-9.+:~*-]+)?$/;

export function aptPackagesLayer(args: readonly unknown[]): AptPackagesLayer {
  const { texts, options } = splitTexts(args, call, `${call}: a package`);
  const known = requireOptions(options, call, secretMountsOptions);
  return {
    kind: "apt-packages",
    packages: texts.map(requirePackage),
    ...secretMountsSettings(known, call),
  };
}

export function encodeAptPackages(layer: AptPackagesLayer): CanonicalValue {
  return { packages: layer.packages, secretMounts: encodeSecretMounts(layer) };
}

function requirePackage(text: string): string {
  const name = text.trim();
  if (packageName.test(name)) return name;
  throw new DefinitionError(
    `${call}: ${show(text)} is no Debian package.`,
    'Give each package by itself: "git", or with a version: "git=1:2.39*".',
  );
}
