import type { Base } from "../../base/base.ts";
import type { Interpreter } from "../../base/outline.ts";
import { StepFailedError } from "../../execution/error.ts";
import { executeStep } from "../../execution/step.ts";
import type { StepMount } from "../../execution/step-mount.ts";
import { canonicalDigest } from "../../files/canonical.ts";
import type { Layer } from "../../oci/descriptor.ts";
import type { WheelDownloader } from "../../python/download.ts";
import type { ProcessResult } from "../../python/process.ts";
import { programAnswer } from "../../python/program-answer.ts";
import type { SourceBuilder, SourceBuilderOptions } from "../../python/source-builder.ts";
import { uvSettings } from "../../python/uv.ts";
import { fetchLayers } from "../fetch-layers.ts";
import type { RunningTask } from "../journal.ts";
import { fetchOwnLayers } from "../materialize/own-layers.ts";
import { baseVariables } from "../resolve/image-env.ts";
import type { FoundLayers } from "../resolve/prepared-plan.ts";
import type { Session } from "../session.ts";
import { builtWheel } from "./built-wheel.ts";
import { compilerStep } from "./compiler-step.ts";
import { Executions, type StepLimits } from "./executions.ts";
import { caBundlePath, type MachineSettings, machineSettings } from "./machine-settings.ts";
import { StepOutput } from "./step-output.ts";

/** To be raised with every change to the sandbox that changes what comes out of a build. */
const recipe = "1";

/** Where uv of this machine is in the sandbox. */
const uvPath = "/run/lamella/uv";

/** What wheels are built on. */
export interface SandboxGround {
  readonly base: Base;
  /** What lies above the base. */
  readonly layers: FoundLayers;
  readonly interpreter: Interpreter;
}

/**
 * Opens the sandbox in which wheels are built for an image: its root filesystem with a compiler on it, of which nothing comes
 * into an image. What runs there reaches the network, reads `readable`, and writes to one folder at a time. Each
 * run there is held to the limits. Raises what executing raises.
 */
export async function openSourceSandbox(
  ground: SandboxGround,
  downloader: WheelDownloader,
  options: SourceBuilderOptions,
  limits: StepLimits,
  session: Session,
): Promise<SourceBuilder> {
  const { base, layers: below, interpreter } = ground;
  const { outcomes, places } = below;
  const { signal } = session;
  const step = compilerStep(base, interpreter);
  const executions = new Executions(base, { secrets: new Map(), upgrade: false, limits }, session);
  const [made, machine, version] = await Promise.all([
    executions.make(step, outcomes, places),
    machineSettings(session.env, options.settings),
    programAnswer(options.uv, ["--version"], {
      memos: session.store.memos,
      env: uvSettings(),
      signal,
    }),
  ]);
  for (const secret of machine.secrets) session.journal.redactor.add(secret);
  const stack = [...outcomes, made];
  const diffIds = [
    ...base.config.rootfs.diff_ids,
    ...stack.flatMap(({ layer }) => layer?.diffId ?? []),
  ];
  const environment = canonicalDigest([
    "lamella.source-environment",
    recipe,
    { diffIds, interpreter: interpreter.executable, uv: version?.trim() ?? "" },
  ]);
  let fetched: Promise<readonly Layer[]> | undefined;
  const layers = async (): Promise<readonly Layer[]> => {
    await fetchLayers(base, session);
    return [...base.layers, ...(await fetchOwnLayers(stack, places))];
  };
  const sandbox: Sandbox = {
    variables: baseVariables(base.config.config?.Env ?? [], undefined),
    layers: () => (fetched ??= layers()),
    machine,
    options,
    limits,
    session,
  };
  return {
    environment,
    interpreter: interpreter.executable,
    run: (args, folder) =>
      session.journal.task("execute", "uv, for packages without wheels", (task) =>
        runUv(sandbox, args, folder, [], task),
      ),
    build: (source) =>
      builtWheel(source, {
        environment,
        interpreter: interpreter.executable,
        downloader,
        session,
        uv: (args, folder, mounts, task) => runUv(sandbox, args, folder, mounts, task),
      }),
  };
}

interface Sandbox {
  readonly variables: Readonly<Record<string, string>>;
  readonly layers: () => Promise<readonly Layer[]>;
  readonly machine: MachineSettings;
  readonly options: SourceBuilderOptions;
  readonly limits: StepLimits;
  readonly session: Session;
}

/** Runs uv in the sandbox; all that it changes but the folder is forgotten. What it writes is without secrets. */
async function runUv(
  { variables, layers, machine, options, limits, session }: Sandbox,
  args: readonly string[],
  folder: string,
  more: readonly StepMount[],
  task: RunningTask,
): Promise<ProcessResult> {
  const { store, signal, journal } = session;
  const lines = { stdout: "", stderr: "" };
  const output = new StepOutput(journal.redactor, (stream, line) => {
    lines[stream] = `${lines[stream]}${line}\n`.slice(-longestOutput);
    task.output(stream, line);
  });
  const { caBundle } = machine;
  const mounts: StepMount[] = [
    { kind: "bind", source: options.uv, destination: uvPath },
    { kind: "output", path: folder, destination: folder },
    ...options.readable.map((path): StepMount => {
      return { kind: "bind", source: path, destination: path };
    }),
    ...(caBundle === undefined
      ? []
      : [{ kind: "bind", source: caBundle, destination: caBundlePath } as const]),
    ...more,
  ];
  const env = {
    ...variables,
    ...machine.variables,
    ...uvSettings(options.settings),
    ...(caBundle === undefined ? {} : { SSL_CERT_FILE: caBundlePath }),
  };
  let code = 0;
  try {
    await executeStep({
      layers: await layers(),
      process: { args: [uvPath, ...args], env, user: "0", workdir: "/" },
      mounts,
      store,
      limits,
      signal,
      onOutput: (stream, bytes) => output.write(stream, bytes),
      discard: true,
    });
  } catch (error) {
    if (!(error instanceof StepFailedError)) throw error;
    code = error.exitCode;
  }
  output.end();
  return { code, ...lines };
}

/** Of what uv writes, for its error, in characters. */
const longestOutput = 64 * 1024;
