import { basename } from "node:path";
import { requireBoolean, requirePath, requireTextList, show } from "../argument.ts";
import { DefinitionError } from "../error.ts";
import { present } from "../present.ts";
import {
  type SecretMountsOptions,
  type SecretMountsSettings,
  secretMountsOptions,
  secretMountsSettings,
} from "../secret.ts";
import {
  type PythonIndexOptions,
  type PythonIndexSettings,
  pythonIndexOptions,
  pythonIndexSettings,
} from "./python-index.ts";

/** What is installed of a project: only what its lock names, or the project too. */
export type ProjectInstallMode = "dependencies_only" | "install_project";

/** Options of {@link Image.withUvProject} and {@link Image.withPoetryProject}. */
export interface ProjectOptions extends PythonIndexOptions, SecretMountsOptions {
  /** `dependencies_only` if absent. */
  readonly projectInstallMode?: ProjectInstallMode | undefined;
  /** Extras of the project. */
  readonly extras?: readonly string[] | undefined;
  /** Dependency groups, beside the default ones. */
  readonly groups?: readonly string[] | undefined;
  /** Whether the groups are installed that the project's tool installs unasked (`dev`, for example); true if absent. */
  readonly defaultGroups?: boolean | undefined;
}

/** {@link ProjectOptions} as a layer keeps them. */
export interface ProjectSettings extends PythonIndexSettings, SecretMountsSettings {
  readonly projectInstallMode?: ProjectInstallMode;
  readonly extras?: readonly string[];
  readonly groups?: readonly string[];
  readonly defaultGroups?: boolean;
}

export const projectOptions: readonly (
  | "projectInstallMode"
  | "extras"
  | "groups"
  | "defaultGroups"
  | (typeof pythonIndexOptions)[number]
  | (typeof secretMountsOptions)[number]
)[] = [
  "projectInstallMode",
  "extras",
  "groups",
  "defaultGroups",
  ...pythonIndexOptions,
  ...secretMountsOptions,
];

export function projectSettings(
  options: { readonly [name in (typeof projectOptions)[number]]?: unknown },
  call: string,
): ProjectSettings {
  const { projectInstallMode, extras, groups, defaultGroups } = options;
  return {
    ...present({
      projectInstallMode: installMode(projectInstallMode, call),
      extras: names(extras, `${call}: extras`),
      groups: names(groups, `${call}: groups`),
      defaultGroups:
        defaultGroups === undefined
          ? undefined
          : requireBoolean(defaultGroups, `${call}: defaultGroups`),
    }),
    ...pythonIndexSettings(options, call),
    ...secretMountsSettings(options, call),
  };
}

/** The path of a `pyproject.toml`. */
export function requirePyproject(value: unknown, call: string): string {
  const path = requirePath(value, `${call}: the project`);
  if (basename(path) === "pyproject.toml") return path;
  throw new DefinitionError(
    `${call}: ${show(path)} is not a pyproject.toml.`,
    "Name the file: ./pyproject.toml.",
  );
}

function installMode(value: unknown, call: string): ProjectInstallMode | undefined {
  if (value === undefined || value === "dependencies_only" || value === "install_project") {
    return value;
  }
  throw new DefinitionError(
    `${call}: projectInstallMode is ${show(value)}.`,
    'Give "dependencies_only" or "install_project".',
  );
}

function names(value: unknown, what: string): readonly string[] | undefined {
  return value === undefined ? undefined : requireTextList(value, what, `${what}: a name`);
}
