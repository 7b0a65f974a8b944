type Variables = Readonly<Record<string, string>>;

/** Where GPU nodes mount their drivers and tools: the end of PATH, and of the linker's path, of every image. */
const driverPath = ["/usr/local/nvidia/bin", "/usr/local/cuda/bin"];
const driverLibraries = "/usr/local/nvidia/lib64";

/** What a container searches when neither the base nor the definition sets PATH. */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * What is set before the definition has its say: the base's variables, the venv (if there is one) first on PATH, and the
 * drivers' folders last. `base` has lines of `NAME=value`.
 */
export function baseVariables(base: readonly string[], venv: string | undefined): Variables {
  const variables: Record<string, string> = {};
  for (const line of base) {
    const equals = line.indexOf("=");
    if (equals > 0) variables[line.slice(0, equals)] = line.slice(equals + 1);
  }
  if (venv !== undefined) variables["VIRTUAL_ENV"] = venv;
  variables["PATH"] = searchPath(variables["PATH"] ?? defaultPath, venv);
  variables["LD_LIBRARY_PATH"] ??= driverLibraries;
  return variables;
}

/** The environment of an image. `_F_IMG_ID` is the image's URI, by which a running task knows its image. */
export function imageEnv(options: {
  readonly below: Variables;
  readonly definition: Variables;
  readonly uri: string;
}): Variables {
  return { ...options.below, ...options.definition, _F_IMG_ID: options.uri };
}

function searchPath(path: string, venv: string | undefined): string {
  const folders = path.split(":").filter((folder) => !driverPath.includes(folder));
  const first = venv === undefined ? [] : [`${venv}/bin`];
  return [...first, ...folders.filter((folder) => !first.includes(folder)), ...driverPath].join(
    ":",
  );
}
