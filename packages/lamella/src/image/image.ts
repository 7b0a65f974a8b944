import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { requireBoolean, requireOptions, requirePath, requireText, show } from "./argument.ts";
import { baseReference, debianBase, plainPython, requireFlytePython } from "./base.ts";
import { deepFreeze } from "./deep-freeze.ts";
import type { ImageDefinition, LayerDefinition } from "./definition.ts";
import { definitionRoot, loadedDefinitionRoot } from "./definition-root.ts";
import { DefinitionError } from "./error.ts";
import { computeIdentifier } from "./identifier.ts";
import { type ImageJson, imageFromJson, imageToJson } from "./image-json.ts";
import { layerTitle, withAbsolutePaths } from "./layer.ts";
import { type AptPackagesOptions, aptPackagesLayer } from "./layers/apt-packages.ts";
import { type CommandsOptions, commandsLayer } from "./layers/commands.ts";
import { type EntrypointOptions, entrypointLayer } from "./layers/entrypoint.ts";
import { envLayer } from "./layers/env.ts";
import { labelsLayer } from "./layers/labels.ts";
import { type PipPackagesOptions, pipPackagesLayer } from "./layers/pip-packages.ts";
import { type PoetryProjectOptions, poetryProjectLayer } from "./layers/poetry-project.ts";
import { type RequirementsOptions, requirementsLayer } from "./layers/requirements.ts";
import { sourceFileLayer } from "./layers/source-file.ts";
import { type SourceFolderOptions, sourceFolderLayer } from "./layers/source-folder.ts";
import { userLayer } from "./layers/user.ts";
import { type UvProjectOptions, uvProjectLayer } from "./layers/uv-project.ts";
import { type UvScriptOptions, uvScriptLayer } from "./layers/uv-script.ts";
import { workdirLayer } from "./layers/workdir.ts";
import { readFittingLock } from "./lock-file.ts";
import {
  type NamingOptions,
  namingOptions,
  type PlatformOptions,
  platformOptions,
  requireNaming,
  requirePlatforms,
} from "./naming.ts";
import type { Platform } from "./platform.ts";
import { present } from "./present.ts";
import { readScript } from "./project/uv-script.ts";
import { lowestPython, projectPythonVersion, requirePythonVersion } from "./python-version.ts";
import { parseReference } from "./reference.ts";
import { imageName, imageUri, isItsBase } from "./uri.ts";
import { validateDefinition } from "./validation.ts";

/** Options of {@link Image.fromBase}. */
export interface FromBaseOptions extends NamingOptions, PlatformOptions {
  /** The base's Python minor version, `3.12`, when the image has Python packages; found in the base if absent. */
  readonly pythonVersion?: string | undefined;
}

/** Options of {@link Image.fromDebianBase}. */
export interface FromDebianBaseOptions extends NamingOptions, PlatformOptions {
  /**
   * Python minor version: `3.12`. If absent, the project's: `.python-version`, `requires-python` in `pyproject.toml`,
   * else 3.12.
   */
  readonly pythonVersion?: string | undefined;
  /** Starts from the image that has Flyte installed; true if absent. Without, from a plain Python image. */
  readonly installFlyte?: boolean | undefined;
  /** Which version of Flyte: `2.0.0`. */
  readonly flyteVersion?: string | undefined;
  /** An image to start from in place of the one that the options above would give. */
  readonly baseImage?: string | undefined;
}

/** Options of {@link Image.fromUvScript}. */
export interface FromUvScriptOptions extends FromDebianBaseOptions, UvScriptOptions {}

/** Options of {@link Image.clone}: what to change. */
export interface CloneOptions extends NamingOptions, PlatformOptions {
  readonly pythonVersion?: string | undefined;
}

/** A path on this machine, as text or as a `file:` URL. */
export type LocalPath = string | URL;

/**
 * A container image, as a value: what it starts from and what is laid on that. It never changes; every `with*` returns a
 * new one. Constructing one touches no network and needs no daemon.
 *
 * Shapes are checked at construction ({@link DefinitionError}); whether files are there, by {@link Image.validate} and
 * at build. Relative paths of this machine are relative to the folder of the definition file that is being loaded; in a
 * program that uses the library, to the working directory.
 *
 * @example
 * ```ts
 * export default Image.fromDebianBase({ pythonVersion: "3.12", installFlyte: false, registry: "ghcr.io/acme", name: "trainer" })
 *   .withPipPackages("torch", "pandas")
 *   .withSourceFolder("./src", "/app")
 *   .withWorkdir("/app");
 * ```
 */
export class Image {
  /** The image as plain data, frozen. */
  readonly definition: ImageDefinition;
  #identifier: string | undefined;

  private constructor(definition: ImageDefinition) {
    this.definition = deepFreeze(definition);
    Object.freeze(this);
  }

  /**
   * An image that starts from another one. Used as it is, it stands for that one, and nothing is built; with a name it
   * can be extended.
   *
   * @param reference registry/name:tag or @digest, with Docker Hub's short forms
   * @throws {@link InvalidReferenceError}, {@link DefinitionError}
   * @example
   * ```ts
   * Image.fromBase("ubuntu:22.04", { name: "tools" }).withSourceFile("./tool.sh", "/usr/local/bin/");
   * ```
   */
  static fromBase(reference: string, options: FromBaseOptions = {}): Image {
    const call = "fromBase";
    const base = requireText(reference, `${call}: the reference`);
    parseReference(base);
    const known = requireOptions(options, call, [
      ...namingOptions,
      ...platformOptions,
      "pythonVersion",
    ]);
    const { pythonVersion } = known;
    return Image.#of({
      base: { kind: "registry", reference: base },
      ...present({
        ...requireNaming(known, call),
        pythonVersion:
          pythonVersion === undefined
            ? undefined
            : requirePythonVersion(pythonVersion, `${call}: pythonVersion`),
        platforms: requirePlatforms(known, call),
      }),
      root: definitionRoot(),
      layers: [],
    });
  }

  /**
   * A Debian image with Python: where to start from for most.
   *
   * - By default the published image that has Flyte installed, in the version `flyteVersion`. Used as it is, nothing is
   *   built.
   * - With `installFlyte: false` the official Python image, with a user `flyte` that owns `/home/flyte` and `/root`, the
   *   workdir `/home/flyte`, and `VIRTUAL_ENV`, `PYTHONPATH` and `UV_LINK_MODE` set as Flyte's tasks expect them.
   * - `baseImage` takes the place of the image that either would start from.
   *
   * An image that gives no name is called `flyte`.
   *
   * @throws {@link MissingFlyteVersionError}, {@link PythonVersionError}, {@link DefinitionError}
   * @example
   * ```ts
   * Image.fromDebianBase({ pythonVersion: "3.12", installFlyte: false, name: "trainer" });
   * ```
   */
  static fromDebianBase(options: FromDebianBaseOptions = {}): Image {
    const call = "fromDebianBase";
    const known = requireOptions(options, call, [
      ...namingOptions,
      ...platformOptions,
      "pythonVersion",
      "installFlyte",
      "flyteVersion",
      "baseImage",
    ]);
    const root = definitionRoot();
    const pythonVersion =
      known.pythonVersion === undefined
        ? projectPythonVersion(root)
        : requirePythonVersion(known.pythonVersion, `${call}: pythonVersion`);
    const installFlyte = requireBoolean(known.installFlyte ?? true, `${call}: installFlyte`);
    const { flyteVersion, baseImage } = known;
    const base = debianBase({
      installFlyte,
      flyteVersion:
        flyteVersion === undefined ? undefined : requireText(flyteVersion, `${call}: flyteVersion`),
      baseImage: baseImage === undefined ? undefined : requireText(baseImage, `${call}: baseImage`),
      pythonVersion,
    });
    return Image.#of({
      base,
      ...present({ ...requireNaming(known, call), platforms: requirePlatforms(known, call) }),
      pythonVersion,
      root,
      ...(installFlyte ? {} : plainPython),
      layers: [],
    });
  }

  /**
   * The image of {@link Image.fromDebianBase} with the packages that a script says it needs (PEP 723, as `uv run` reads
   * it): those of its lock, `SCRIPT.lock`, if there is one. Its `requires-python` says which Python, unless
   * `pythonVersion` does. The script itself is not copied.
   *
   * @throws what `fromDebianBase` throws; {@link ProjectError} for a script that does not say what it needs
   * @example
   * ```ts
   * Image.fromUvScript("./train.py", { installFlyte: false, name: "train" }).withSourceFile("./train.py");
   * ```
   */
  static fromUvScript(script: LocalPath, options: FromUvScriptOptions = {}): Image {
    const { indexUrl, extraIndexUrls, pre, secretMounts, ...base } = options;
    const layer = uvScriptLayer(script, { indexUrl, extraIndexUrls, pre, secretMounts });
    const file = resolve(definitionRoot(), layer.script);
    const { requiresPython } = readScript(file);
    const pythonVersion =
      base.pythonVersion ??
      (requiresPython === undefined ? undefined : lowestPython(requiresPython, file));
    return Image.fromDebianBase({ ...base, pythonVersion }).#with(layer);
  }

  /**
   * Installs Debian packages, without those that they only recommend. With no package, the image as it is.
   *
   * Needs a base with apt, and Linux where it is built. Which versions come is for the base's archives to say, when the
   * layer is made; then it is kept. `lamella build --upgrade` makes it anew.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withAptPackages("git", "ffmpeg");
   * image.withAptPackages(["acme-driver"], { secretMounts: { key: "apt-auth", mountPath: "/etc/apt/auth.conf" } });
   * ```
   */
  withAptPackages(packages: readonly string[], options?: AptPackagesOptions): Image;
  withAptPackages(...packages: readonly string[]): Image;
  withAptPackages(
    ...packagesAndOptions: readonly [...packages: string[], options: AptPackagesOptions]
  ): Image;
  withAptPackages(...args: readonly unknown[]): Image {
    const layer = aptPackagesLayer(args);
    return layer.packages.length === 0 ? this : this.#with(layer);
  }

  /**
   * Runs shell commands, each by itself under the base's shell (`/bin/sh -c` unless the base says another), as root, in the
   * workdir and with the variables set at that point. What one changes is a layer. With no command, the image as it is.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withCommands("mkdir -p /data && chmod 777 /data", "ldconfig");
   * image.withCommands(["curl -fsSL -H \"Authorization: $TOKEN\" https://acme.com/tool -o /usr/bin/tool"], { secretMounts: "token" });
   * ```
   */
  withCommands(commands: readonly string[], options?: CommandsOptions): Image;
  withCommands(...commands: readonly string[]): Image;
  withCommands(
    ...commandsAndOptions: readonly [...commands: string[], options: CommandsOptions]
  ): Image;
  withCommands(...args: readonly unknown[]): Image {
    const layer = commandsLayer(args);
    return layer.commands.length === 0 ? this : this.#with(layer);
  }

  /**
   * Installs Python packages: requirements, or paths of wheels. The packages of all calls of an image are resolved
   * together. With no package, the image as it is.
   *
   * @throws {@link DefinitionError}: for an option among the packages, a list inside a list, a password in a URL
   * @example
   * ```ts
   * image.withPipPackages("torch", "pandas>=2", { indexUrl: "https://packages.acme.com/simple" });
   * image.withPipPackages(["torch", "pandas>=2"], { pre: true });
   * ```
   */
  withPipPackages(packages: readonly string[], options?: PipPackagesOptions): Image;
  withPipPackages(...packages: readonly string[]): Image;
  withPipPackages(
    ...packagesAndOptions: readonly [...packages: string[], options: PipPackagesOptions]
  ): Image;
  withPipPackages(...args: readonly unknown[]): Image {
    const layer = pipPackagesLayer(args);
    return layer.packages.length === 0 ? this : this.#with(layer);
  }

  /**
   * Installs the packages of a requirements file, whose name ends in `.txt`. Files that it includes (`-r`, `-c`) and
   * local wheels that it names are part of the image's identifier too.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withRequirements("./requirements.txt");
   * ```
   */
  withRequirements(file: LocalPath, options: RequirementsOptions = {}): Image {
    return this.#with(requirementsLayer(file, options));
  }

  /**
   * Installs the packages of a project of uv: exactly what its `uv.lock` says, with neither resolver nor network. As with
   * `uv sync` these are its dependencies, those of the default groups (`dev`), and of the extras and groups that are
   * named; other members of a workspace and folders that it depends on are built and installed. The project itself is
   * not, unless `projectInstallMode` is `install_project`.
   *
   * What is built is built in a sandbox with the image's own Python: nothing of a project runs on this machine. An
   * editable dependency is installed as any other.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withUvProject("./pyproject.toml").withSourceFolder("./src", "/app");
   * image.withUvProject("./pyproject.toml", { projectInstallMode: "install_project", extras: ["gpu"], defaultGroups: false });
   * ```
   */
  withUvProject(pyproject: LocalPath, options: UvProjectOptions = {}): Image {
    return this.#with(uvProjectLayer(pyproject, options));
  }

  /**
   * Installs the packages of a project of Poetry, in the versions and with the hashes that its `poetry.lock` says (that
   * of Poetry 2): as with `poetry install` those of all groups that are not optional, and of the extras and groups that
   * are named. Folders that it depends on are built and installed; the project itself too where `projectInstallMode` is
   * `install_project`.
   *
   * That lock does not say where files are: the indexes that it names are asked, and those of the machine.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withPoetryProject("./pyproject.toml", { defaultGroups: false, groups: ["docs"] });
   * ```
   */
  withPoetryProject(pyproject: LocalPath, options: PoetryProjectOptions = {}): Image {
    return this.#with(poetryProjectLayer(pyproject, options));
  }

  /**
   * Copies a folder. To a destination goes what is in the folder, as with COPY in a Dockerfile; without one (or with `.`)
   * the folder itself goes below the workdir under its own name, or with `copyContentsOnly` its content into the workdir.
   *
   * What version control, editors and Python's caches leave in a folder is not copied: see {@link defaultIgnoreRules}.
   * Links are copied as links. Files are 0644, or 0755 where their owner may execute them.
   *
   * @param destination absolute, or relative to the workdir at that point
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withSourceFolder("./src", "/app"); // ./src/train.py is /app/train.py
   * image.withWorkdir("/work").withSourceFolder("./src"); // ./src/train.py is /work/src/train.py
   * ```
   */
  withSourceFolder(source: LocalPath, options?: SourceFolderOptions): Image;
  withSourceFolder(
    source: LocalPath,
    destination: string | undefined,
    options?: SourceFolderOptions,
  ): Image;
  withSourceFolder(
    source: LocalPath,
    destination?: string | SourceFolderOptions,
    options?: SourceFolderOptions,
  ): Image {
    return this.#with(
      typeof destination === "object"
        ? sourceFolderLayer(source, undefined, destination)
        : sourceFolderLayer(source, destination, options),
    );
  }

  /**
   * Copies one file or several. Without a destination they go to the workdir. The destination of several files is a
   * folder; that of one is its path, unless it ends in `/` or there is a folder. With no file, the image as it is.
   *
   * @param destination absolute, or relative to the workdir at that point
   * @throws {@link DefinitionError}: also for two files of one name
   * @example
   * ```ts
   * image.withSourceFile("./config.yaml", "/etc/config.yaml");
   * image.withSourceFile(["train.py", "evaluate.py"], "/app");
   * ```
   */
  withSourceFile(source: LocalPath | readonly LocalPath[], destination?: string): Image {
    const layer = sourceFileLayer(source, destination);
    return layer.sources.length === 0 ? this : this.#with(layer);
  }

  /**
   * Leaves out of all that the image copies what a `.dockerignore` file says, as Docker reads it. Its patterns are relative
   * to the folder that it lies in. What is ignored without one, `.git` for example, stays ignored unless an exception
   * keeps it (`!.git`). Of several files the last one holds.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withDockerignore("./.dockerignore").withSourceFolder(".", "/app");
   * ```
   */
  withDockerignore(file: LocalPath): Image {
    const ignoreFile = requirePath(file, "withDockerignore: the file");
    const { definition } = this;
    requireName(definition, `withDockerignore(${show(ignoreFile)})`);
    return Image.#of({ ...definition, ...inLoadedRoot(definition), ignoreFile });
  }

  /**
   * Sets environment variables. `$NAME` in a value stands for what the variable was before, as in a Dockerfile; write
   * `"\\$"` for a dollar sign that a name follows. With no variable, the image as it is.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withEnvVars({ MODE: "fast", PATH: "/tools/bin:$PATH" });
   * ```
   */
  withEnvVars(variables: Readonly<Record<string, string>>): Image {
    const layer = envLayer(variables);
    return Object.keys(layer.variables).length === 0 ? this : this.#with(layer);
  }

  /**
   * Sets the working directory, for the layers that follow and for what runs in the image.
   *
   * @param path absolute
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withWorkdir("/app");
   * ```
   */
  withWorkdir(path: string): Image {
    return this.#with(workdirLayer(path));
  }

  /**
   * Sets the program that runs in the image, and its first arguments; what is given to a run comes after them. The base's
   * own entrypoint and command are gone then.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withEntrypoint("python", "-m", "acme.serve");
   * image.withEntrypoint(["python", "-m", "acme.serve"], { command: ["--port", "8080"] });
   * ```
   */
  withEntrypoint(entrypoint: readonly string[], options?: EntrypointOptions): Image;
  withEntrypoint(...entrypoint: readonly string[]): Image;
  withEntrypoint(...args: readonly unknown[]): Image {
    return this.#with(entrypointLayer(args));
  }

  /**
   * Sets who runs in the image: a user of the base, by name or number, and a group if need be. Commands of the build run as
   * root all the same, and what is copied keeps its owner.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withUser("nobody");
   * image.withUser("1000:1000");
   * ```
   */
  withUser(user: string): Image {
    return this.#with(userLayer(user));
  }

  /**
   * Adds labels to the image's config, in place of those of the same name. With no label, the image as it is.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * image.withLabels({ "org.opencontainers.image.source": "https://git.acme.com/trainer" });
   * ```
   */
  withLabels(labels: Readonly<Record<string, string>>): Image {
    const layer = labelsLayer(labels);
    return Object.keys(layer.labels).length === 0 ? this : this.#with(layer);
  }

  /**
   * The same image with another name, registry, tag, Python version or platforms.
   *
   * @throws {@link DefinitionError}
   * @example
   * ```ts
   * const debug = image.clone({ name: "trainer-debug" }).withPipPackages("debugpy");
   * ```
   */
  clone(options: CloneOptions = {}): Image {
    const call = "clone";
    const known = requireOptions(options, call, [
      ...namingOptions,
      ...platformOptions,
      "pythonVersion",
    ]);
    const { base } = this.definition;
    let pythonVersion: string | undefined;
    if (known.pythonVersion !== undefined) {
      pythonVersion = requirePythonVersion(known.pythonVersion, `${call}: pythonVersion`);
      if (base.kind === "debian" && base.flyteVersion !== undefined) {
        requireFlytePython(pythonVersion);
      }
    }
    return Image.#of({
      ...this.definition,
      ...present({
        ...requireNaming(known, call),
        platforms: requirePlatforms(known, call),
        pythonVersion,
      }),
    });
  }

  /**
   * The image as data for `JSON.stringify`; {@link Image.fromJSON} gives the same image back. Paths of files stay as they
   * were given, with the folder that they are relative to; files themselves are not in it.
   *
   * @example
   * ```ts
   * const text = JSON.stringify(image);
   * Image.fromJSON(JSON.parse(text)).equals(image); // true
   * ```
   */
  toJSON(): ImageJson {
    return imageToJson(this.definition);
  }

  /**
   * The image that {@link Image.toJSON} gave the data of. `lamella/image.schema.json` is the JSON Schema of it.
   *
   * @param data parsed JSON; everything in it is checked
   * @throws {@link DefinitionError}: also for data of a newer Lamella
   * @example
   * ```ts
   * const image = Image.fromJSON(JSON.parse(text));
   * ```
   */
  static fromJSON(data: unknown): Image {
    return Image.#of(imageFromJson(data));
  }

  /**
   * Whether another image says the same, in the same order, about files at the same places. Two that differ can still be
   * one image: {@link Image.identifier} tells by what is in them.
   *
   * @example
   * ```ts
   * image.clone().equals(image); // true
   * ```
   */
  equals(other: Image): boolean {
    return isDeepStrictEqual(this.definition, other.definition);
  }

  /** Where the image goes, if the definition says it. */
  get registry(): string | undefined {
    return this.definition.registry;
  }

  /** What the image is called; absent for one that is its base. */
  get name(): string | undefined {
    return isItsBase(this.definition) ? undefined : imageName(this.definition);
  }

  /** The explicit tag, if the definition gives one. {@link Image.uri} has the tag that the image gets. */
  get tag(): string | undefined {
    return this.definition.tag;
  }

  /** The platforms to build for; absent for those of the base. */
  get platforms(): readonly Platform[] | undefined {
    return this.definition.platforms;
  }

  /**
   * A hash of all that decides what is in the image, the content of its files included: 64 hexadecimal digits, the same
   * on every machine. A lock beside its definition that is for what the image asks for is part of it. Computed when it is first
   * asked for, and then kept: {@link computeIdentifier} reads the files afresh.
   *
   * @throws the errors of reading files, {@link MissingFileError} and others
   */
  get identifier(): string {
    this.#identifier ??= computeIdentifier(this.definition, {
      lock: readFittingLock(this.definition),
    });
    return this.#identifier;
  }

  /**
   * `registry/name:tag`: the name that the built image has. The tag is the explicit one, or the first 32 digits of the
   * identifier. For an image that is its base, the base's own.
   */
  get uri(): string {
    return imageUri(this.definition, () => this.identifier);
  }

  /**
   * Looks whether all that the definition names is there and of the right kind. A build does so too.
   *
   * @throws {@link ValidationError} with everything that is wrong, not only the first
   * @example
   * ```ts
   * await image.validate();
   * ```
   */
  async validate({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await validateDefinition(this.definition, signal);
  }

  #with(layer: LayerDefinition): Image {
    const { definition } = this;
    requireName(definition, layerTitle(layer));
    const { layers, ...place } = inLoadedRoot(definition);
    return Image.#of({ ...definition, ...place, layers: [...layers, layer] });
  }

  static #of(definition: ImageDefinition): Image {
    const { registry, tag, base, pythonVersion } = definition;
    const name = imageName(definition);
    if (name === undefined && (registry !== undefined || tag !== undefined)) {
      const given = registry === undefined ? "tag" : "registry";
      throw new DefinitionError(
        `An image made from ${baseReference(base, pythonVersion)} has a ${given} and no name.`,
        'Give it a name: { name: "…" }.',
      );
    }
    // Each is good by itself; together they may be too long.
    if (registry !== undefined) parseReference(`${registry}/${name}`);
    return new Image(definition);
  }
}

/**
 * A layer that another definition file lays on an image is relative to that file, and so is the lock of the result; what
 * is there keeps its place. Outside of a loader the image's own root holds.
 */
function inLoadedRoot(
  definition: ImageDefinition,
): Pick<ImageDefinition, "root" | "layers" | "ignoreFile"> {
  const { root, layers, ignoreFile } = definition;
  const loaded = loadedDefinitionRoot() ?? root;
  if (loaded === root) return { root, layers, ...present({ ignoreFile }) };
  return {
    root: loaded,
    layers: layers.map((layer) => withAbsolutePaths(layer, root)),
    ...(ignoreFile === undefined ? {} : { ignoreFile: resolve(root, ignoreFile) }),
  };
}

/** Only what has a name can be extended. `what` is the call that would, as its author wrote it. */
function requireName(definition: ImageDefinition, what: string): void {
  if (imageName(definition) !== undefined) return;
  throw new DefinitionError(
    `${what} on an image without a name: ${baseReference(definition.base, definition.pythonVersion)}.`,
    `Name what is made of it: { name: "…" } in fromBase, or .clone({ name: "…" }) first.`,
  );
}
