import { fileURLToPath } from "node:url";
import type { Base } from "../../base/base.ts";
import type { Interpreter } from "../../base/outline.ts";
import type { StepLimits } from "../../config/config.ts";
import type { StepMount } from "../../execution/step-mount.ts";
import { canonicalDigest } from "../../files/canonical.ts";
import type { Layer } from "../../oci/descriptor.ts";
import type { WheelDownloader } from "../../python/download.ts";
import type { ProcessResult } from "../../python/process.ts";
import type { SourceBuilder, SourceBuilderOptions } from "../../python/source-builder.ts";
import { uvSettings } from "../../python/uv.ts";
import { fetchLayers } from "../fetch-layers.ts";
import type { RunningTask } from "../journal.ts";
import { fetchOwnLayers } from "../materialize/own-layers.ts";
import { baseVariables } from "../resolve/image-env.ts";
import type { FoundLayers } from "../resolve/prepared-plan.ts";
import type { SecretValues } from "../secrets/find-secrets.ts";
import type { Session } from "../session.ts";
import { builtRequirement } from "./built-requirement.ts";
import { builtWheel, type Workbench } from "./built-wheel.ts";
import { compilerStep } from "./compiler-step.ts";
import { Executions } from "./executions.ts";
import {
  caBundlePath,
  certificateMounts,
  type MachineSettings,
  machineSettings,
} from "./machine-settings.ts";
import { StepOutput } from "./step-output.ts";
import { Unpacking } from "./unpacking.ts";
import { sdistSource } from "./wheel-source.ts";

/** To be raised with every change to the sandbox that changes what comes out of a build. */
const recipe = "2";

/** Where uv of this machine is in the sandbox. */
const uvPath = "/run/lamella/uv";

/** What wheels are built on. */
export interface SandboxGround {
  readonly base: Base;
  /** What lies above the base. */
  readonly layers: FoundLayers;
  readonly interpreter: Interpreter;
}

/** What a build may use, beside what it is built on. */
export interface SandboxOptions extends SourceBuilderOptions {
  /** Fetches sources. */
  readonly downloader: WheelDownloader;
  readonly limits: StepLimits;
  /** Values of the secrets that requirements name; asked for when one is needed. */
  readonly secrets: () => Promise<SecretValues>;
}

/** What is run in the sandbox. */
export interface SandboxCommand {
  readonly args: readonly string[];
  /** Above the sandbox's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly mounts: readonly StepMount[];
}

/**
 * The sandbox in which wheels are built for an image: its root filesystem with a compiler and git on it, of which nothing
 * comes into an image. What runs there reaches the network, reads what it is given, and writes to folders that are for
 * nothing else. Each run there is held to the limits. Nothing is made, fetched or looked for before something has to
 * run. Its functions raise what executing raises.
 */
export function openSourceSandbox(
  ground: SandboxGround,
  options: SandboxOptions,
  session: Session,
): SourceBuilder {
  const { base, layers: below, interpreter } = ground;
  const step = compilerStep(base, interpreter);
  const diffIds = below.outcomes.flatMap(({ layer }) => layer?.diffId ?? []);
  // As with every command: which versions of a compiler Debian has today makes no other environment.
  const environment = canonicalDigest([
    "lamella.source-environment",
    recipe,
    { compiler: step.key, diffIds, interpreter: interpreter.executable },
  ]);
  let prepared: Promise<PreparedSandbox> | undefined;
  const sandbox = (): Promise<PreparedSandbox> =>
    (prepared ??= prepareSandbox(ground, step, options, session));
  const run = async (command: SandboxCommand, task: RunningTask): Promise<ProcessResult> =>
    await runInside(await sandbox(), command, options.limits, session, task);
  const uv: Workbench["uv"] = async (args, mounts, task) => {
    const bound = { kind: "bind", source: await options.uv(), destination: uvPath } as const;
    const folders = options.settings.findLinks.flatMap(({ url }) =>
      url.startsWith("file:") ? [fileURLToPath(url)] : [],
    );
    const seen = new Set(mounts.map(({ destination }) => destination));
    const links = folders.filter((folder) => !seen.has(folder)).map(readable);
    const env = uvSettings(options.settings);
    return await run({ args: [uvPath, ...args], env, mounts: [bound, ...links, ...mounts] }, task);
  };
  const workbench = { environment, interpreter: interpreter.executable, session, uv, run };
  const { downloader, secrets } = options;
  return {
    environment,
    interpreter: interpreter.executable,
    run: (args, folder, paths) =>
      session.journal.task("execute", "uv, for packages without wheels", (task) =>
        uv(
          args,
          [{ kind: "output", path: folder, destination: folder }, ...paths.map(readable)],
          task,
        ),
      ),
    build: (source) => builtWheel(sdistSource(source, downloader, session), workbench),
    bring: (wheel) => session.lateWheels.bring(wheel),
    buildRequirement: (requirement, how) =>
      builtRequirement(requirement, how, { downloader, secrets, workbench }),
  };
}

function readable(path: string): StepMount {
  return { kind: "bind", source: path, destination: path };
}

interface PreparedSandbox {
  readonly layers: readonly Layer[];
  readonly variables: Readonly<Record<string, string>>;
  readonly machine: MachineSettings;
}

async function prepareSandbox(
  { base, layers: { outcomes, places } }: SandboxGround,
  step: ReturnType<typeof compilerStep>,
  { limits, settings }: SandboxOptions,
  session: Session,
): Promise<PreparedSandbox> {
  const executions = new Executions(base, { secrets: new Map(), upgrade: false, limits }, session);
  const [made, machine] = await Promise.all([
    executions.make(step, outcomes, places),
    machineSettings(session.env, settings),
    fetchLayers(base, session),
  ]);
  for (const secret of machine.secrets) session.journal.redactor.add(secret);
  return {
    layers: [...base.layers, ...(await fetchOwnLayers([...outcomes, made], places))],
    variables: baseVariables(base.config.config?.Env ?? [], undefined),
    machine,
  };
}

/** Runs a command; all that it changes but its folders is forgotten. What it writes is without secrets. */
async function runInside(
  { layers, variables, machine }: PreparedSandbox,
  { args, env, mounts }: SandboxCommand,
  limits: StepLimits,
  { store, signal, journal }: Session,
  task: RunningTask,
): Promise<ProcessResult> {
  const lines = { stdout: "", stderr: "" };
  const output = new StepOutput(journal.redactor, (stream, line) => {
    lines[stream] = `${lines[stream]}${line}\n`.slice(-longestOutput);
    task.output(stream, line);
  });
  const certificates = certificateMounts(machine);
  // Only now: a build that places files alone never loads what executes.
  const [{ executeStep }, { StepFailedError }] = await Promise.all([
    import("../../execution/step.ts"),
    import("../../execution/error.ts"),
  ]);
  const unpacking = new Unpacking(journal, {});
  let code = 0;
  try {
    await executeStep({
      layers,
      process: {
        args,
        env: {
          ...variables,
          ...machine.variables,
          ...env,
          ...(certificates.length > 0 && { SSL_CERT_FILE: caBundlePath }),
        },
        user: "0",
        workdir: "/",
      },
      mounts: [...mounts, ...certificates],
      store,
      limits,
      signal,
      onProgress: (_, bytes) => unpacking.progress(bytes),
      onUnpacked: () => unpacking.end(),
      onOutput: (stream, bytes) => output.write(stream, bytes),
      discard: true,
    });
  } catch (error) {
    unpacking.fail(error);
    if (!(error instanceof StepFailedError)) throw error;
    code = error.exitCode;
  }
  output.end();
  return { code, ...lines };
}

/** Of what a command writes, for its error, in characters. */
const longestOutput = 64 * 1024;
