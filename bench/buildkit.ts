import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildkitPrograms } from "./buildkit-programs.ts";
import type { CallOrder, Contender, Ground } from "./contender.ts";
import { run, startServer } from "./process.ts";

export interface BuildkitOptions {
  readonly programs: BuildkitPrograms;
  /** Has the base pulled and unpacked beforehand. */
  readonly baseKnown: boolean;
}

/** BuildKit with an empty cache, its daemon running and the wheels transferred to it. */
export async function startBuildkit(ground: Ground, options: BuildkitOptions): Promise<Contender> {
  const { folder, registry, base } = ground;
  const image = `${registry}/bench/image`;
  const cache = `type=registry,ref=${registry}/bench/cache:main`;
  let machine = await startMachine(join(folder, "machine"), ground, options);
  let order: CallOrder = "workdir-first";
  let fromCache: readonly string[] = [];
  return {
    name: "buildkit",
    build: async (packages, tag) => {
      const dockerfile = join(folder, tag);
      await writeDockerfile(dockerfile, definition(base, packages, order));
      const { seconds } = await machine.build(dockerfile, [
        ...push(`${image}:${tag}`, "compression=zstd"),
        ...fromCache,
      ]);
      return {
        seconds,
        forDocker: async () => {
          // Docker 20.10 refuses layers in zstd ("invalid tar header").
          const reference = `${image}:${tag}-gzip`;
          await machine.build(
            dockerfile,
            push(reference, "compression=gzip,force-compression=true"),
          );
          return reference;
        },
      };
    },
    moveToFreshMachine: async (packages, wanted) => {
      order = wanted;
      const dockerfile = join(folder, `cached-${order}`);
      await writeDockerfile(dockerfile, definition(base, packages, order));
      await machine.build(dockerfile, [
        ...push(`${image}:cached-${order}`, "compression=zstd"),
        `--export-cache=${cache},mode=max,oci-mediatypes=true,compression=zstd`,
      ]);
      await machine[Symbol.asyncDispose]();
      machine = await startMachine(join(folder, order), ground, options);
      fromCache = [`--import-cache=${cache}`];
    },
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}

/** A daemon that knows nothing but what was made ready for it. */
interface Machine extends AsyncDisposable {
  build(dockerfile: string, more: readonly string[]): Promise<{ readonly seconds: number }>;
}

async function startMachine(
  folder: string,
  { project, registry, base, wheels, tools, signal }: Ground,
  { programs: { buildkitd, buildctl }, baseKnown }: BuildkitOptions,
): Promise<Machine> {
  await mkdir(folder);
  const address = `unix://${join(folder, "socket")}`;
  const configPath = join(folder, "buildkitd.toml");
  await writeFile(configPath, daemonConfig(folder, address, registry));
  await using starting = new AsyncDisposableStack();
  starting.use(
    await startServer(buildkitd, ["--config", configPath], {
      logPath: join(folder, "log"),
      isReady: () => answers(buildctl, address, signal),
      signal,
    }),
  );
  const build: Machine["build"] = (dockerfile, more) =>
    run(
      buildctl,
      [
        `--addr=${address}`,
        "build",
        "--frontend=dockerfile.v0",
        "--progress=plain",
        `--local=context=${project}`,
        `--local=dockerfile=${dockerfile}`,
        ...namedContext("wheels", wheels),
        ...namedContext("tools", tools),
        ...more,
      ],
      { signal },
    );
  const ready = join(folder, "ready");
  await writeDockerfile(ready, baseKnown ? fetchAll(base) : fetchWheels);
  await build(ready, []);
  const daemon = starting.move();
  return { build, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() };
}

function daemonConfig(folder: string, address: string, registry: string): string {
  // Without garbage collection, which could come in the middle and throw away what the next case stands on.
  return `root = "${join(folder, "root")}"
[grpc]
  address = ["${address}"]
[worker.oci]
  networkMode = "host"
  binary = "runc"
  gc = false
[worker.containerd]
  enabled = false
[registry."${registry}"]
  http = true
`;
}

async function answers(buildctl: string, address: string, signal: AbortSignal): Promise<boolean> {
  return run(buildctl, ["--addr", address, "debug", "workers"], { signal }).then(
    () => true,
    () => false,
  );
}

function namedContext(name: string, path: string): string[] {
  return [`--local=${name}=${path}`, `--opt=context:${name}=local:${name}`];
}

function push(reference: string, compression: string): string[] {
  return ["--output", `type=image,name=${reference},push=true,oci-mediatypes=true,${compression}`];
}

async function writeDockerfile(folder: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "Dockerfile"), text);
}

/** Has the wheels sent to the daemon, which keeps them: they are on the machine already. */
const fetchWheels = `FROM scratch
COPY --from=wheels / /wheels/
COPY --from=tools / /tools/
`;

function fetchAll(base: string): string {
  return `FROM ${base}
RUN --mount=type=bind,from=wheels,target=/wheels --mount=type=bind,from=tools,target=/tools true
`;
}

/** As fast as we know how to write it: uv with its cache in a cache mount, the wheels mounted and not copied. */
function definition(base: string, packages: readonly string[], order: CallOrder): string {
  const sources = ["WORKDIR /app", "COPY --link src /app"];
  return `FROM ${base}
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
RUN --mount=type=bind,from=tools,source=uv,target=/usr/local/bin/uv \\
    --mount=type=bind,from=wheels,target=/wheels \\
    --mount=type=cache,target=/root/.cache/uv \\
    uv venv /opt/venv && uv pip install --no-index --find-links /wheels ${packages.join(" ")}
${(order === "workdir-first" ? sources : sources.toReversed()).join("\n")}
`;
}
