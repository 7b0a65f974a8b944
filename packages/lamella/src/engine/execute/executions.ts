import { randomUUID } from "node:crypto";
import type { Base } from "../../base/base.ts";
import type { StepLimits } from "../../config/config.ts";
import type { StepMount } from "../../execution/step-mount.ts";
import type { Layer } from "../../oci/descriptor.ts";
import { fetchLayers } from "../fetch-layers.ts";
import type { RunningTask } from "../journal.ts";
import { executionKey } from "../materialize/execution-key.ts";
import { findResult } from "../materialize/find-result.ts";
import type { MadeLayer } from "../materialize/layer-job.ts";
import type { LayerPlaces, StepOutcome } from "../materialize/make-step.ts";
import { fetchOwnLayers } from "../materialize/own-layers.ts";
import { rememberStep } from "../materialize/remembered-step.ts";
import type { ExecuteStep } from "../plan.ts";
import { buildVariable } from "../resolve/apt-command.ts";
import { machineIndexes } from "../resolve/machine-indexes.ts";
import { type SecretValues, secretText } from "../secrets/find-secrets.ts";
import type { Session } from "../session.ts";
import { together } from "../together.ts";
import { certificateMounts, type MachineSettings, machineSettings } from "./machine-settings.ts";
import { stepFailure } from "./step-failure.ts";
import { StepOutput } from "./step-output.ts";
import { Unpacking } from "./unpacking.ts";

export interface ExecutionOptions {
  readonly secrets: SecretValues;
  /** Whether Debian packages are installed anew. */
  readonly upgrade: boolean;
  readonly limits: StepLimits;
}

/** What a step's process gets from this machine and this build, beside what the plan says. */
interface StepSettings {
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly StepMount[];
}

/** Executes the steps of one platform. What all of them need is fetched and found out for the first that must run. */
export class Executions {
  readonly #base: Base;
  readonly #options: ExecutionOptions;
  readonly #session: Session;
  readonly #build = randomUUID();
  #machine: Promise<MachineSettings> | undefined;

  constructor(base: Base, options: ExecutionOptions, session: Session) {
    this.#base = base;
    this.#options = options;
    this.#session = session;
  }

  /**
   * The result of a step above these: remembered for that very chain of layers, if its blob is anywhere; else the command
   * is run. Raises CommandFailedError, AptPackageNotFoundError, NoAptError, and what `executeStep` raises.
   */
  async make(
    step: ExecuteStep,
    below: readonly StepOutcome[],
    workshop: LayerPlaces,
  ): Promise<StepOutcome> {
    const { store, journal, signal } = this.#session;
    signal.throwIfAborted();
    const key = executionKey(step, [
      ...this.#base.config.rootfs.diff_ids,
      ...below.flatMap(({ layer }) => layer?.diffId ?? []),
    ]);
    const isWanted = !(this.#options.upgrade && step.purpose === "apt");
    const about = { platform: this.#base.platform };
    const found = isWanted ? await findResult(key, { ...step, ...about }, workshop) : undefined;
    if (found) {
      if (found.layer) journal.start("layer", step.title, about).finish("cached");
      return { ...found, source: "cached" };
    }
    // Before anything is fetched for it; and a build that places files alone never loads what executes.
    const [{ requirePlatform }, { requireExecution }] = await Promise.all([
      import("../../execution/binfmt.ts"),
      import("../../execution/step.ts"),
    ]);
    requireExecution(this.#options.limits);
    await requirePlatform(this.#base.platform);
    const { layers, repository } = this.#base;
    const [, own, settings] = await together(this.#session, [
      fetchLayers({ layers, repository }, this.#session),
      fetchOwnLayers(below, workshop),
      this.#settings(step),
    ]);
    const layer = await this.#run(step, [...layers, ...own], settings, (made) =>
      // What was said to be done is not done again.
      rememberStep(store, key, made ? { layer: made } : {}),
    );
    return { ...(layer && { layer }), source: "built" };
  }

  /** Runs the command as a task, which begins when what it runs on is unpacked. */
  async #run(
    step: ExecuteStep,
    layers: readonly Layer[],
    { env, mounts }: StepSettings,
    remember: (made: MadeLayer | undefined) => Promise<void>,
  ): Promise<MadeLayer | undefined> {
    const { store, journal, signal } = this.#session;
    const about = { platform: this.#base.platform };
    const unpacking = new Unpacking(journal, about);
    let begun: RunningTask | undefined;
    const task = (): RunningTask => (begun ??= journal.start("execute", step.title, about));
    const output = new StepOutput(journal.redactor, (stream, line) => task().output(stream, line));
    const [{ executeStep }, { StepFailedError }] = await Promise.all([
      import("../../execution/step.ts"),
      import("../../execution/error.ts"),
    ]);
    try {
      const layer = await executeStep({
        layers,
        process: { args: step.command, env, user: "0", workdir: step.workdir },
        mounts,
        store,
        limits: this.#options.limits,
        signal,
        onProgress: (_, bytes) => unpacking.progress(bytes),
        onUnpacked: () => {
          unpacking.end();
          task();
        },
        onOutput: (stream, bytes) => output.write(stream, bytes),
      });
      output.end();
      const made = layer && { digest: layer.digest, diffId: layer.diffId, size: layer.size };
      await remember(made);
      task().finish("done", made && { bytes: made.size });
      return made;
    } catch (error) {
      output.end();
      const failure =
        error instanceof StepFailedError ? stepFailure(step, error, output.lines) : error;
      if (!unpacking.fail(failure)) task().fail(failure);
      throw failure;
    }
  }

  async #settings(step: ExecuteStep): Promise<StepSettings> {
    this.#machine ??= this.#findMachine();
    const machine = await this.#machine;
    const secrets = step.secrets.map((secret) => ({ ...secret, value: this.#secret(secret.id) }));
    return {
      env: {
        ...machine.variables,
        ...step.env,
        ...(step.purpose === "apt" ? { [buildVariable]: this.#build } : {}),
        ...Object.fromEntries(
          secrets.flatMap(({ id, variable, value }) =>
            variable === undefined ? [] : [[variable, secretText(value, id)]],
          ),
        ),
      },
      mounts: [
        ...step.caches.map(({ id, path }): StepMount => {
          return { kind: "cache", id, destination: path, sharing: "locked" };
        }),
        ...secrets.flatMap(({ path, value }): StepMount[] =>
          path === undefined ? [] : [{ kind: "secret", destination: path, value }],
        ),
        ...certificateMounts(machine),
      ],
    };
  }

  async #findMachine(): Promise<MachineSettings> {
    const settings = await machineSettings(this.#session.env, await machineIndexes(this.#session));
    for (const secret of settings.secrets) this.#session.journal.redactor.add(secret);
    return settings;
  }

  #secret(id: string): Uint8Array {
    const value = this.#options.secrets.get(id);
    if (!value) throw new Error(`No value for the secret ${id}.`);
    return value;
  }
}
