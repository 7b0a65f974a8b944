import type { CanonicalValue } from "../../files/canonical.ts";
import type { Digest } from "../../files/digest.ts";
import type { ImageDefinition } from "../../image/definition.ts";
import { definedEnvironment } from "../../image/environment.ts";
import type { Platform } from "../../image/platform.ts";
import { present } from "../../image/present.ts";
import { type Secret, secretId, secretVariable } from "../../image/secret.ts";
import { definedWorkdir } from "../../image/source-placement.ts";
import type { ExecuteStep, PlannedSecret } from "../plan.ts";
import { stepKey } from "../step-key.ts";
import { aptCaches, aptCommand, aptVariables } from "./apt-command.ts";
import type { ExecutingLayer, IndexedLayer } from "./stages.ts";

type Variables = Readonly<Record<string, string>>;

/** What of an image matters to what runs in it. */
export interface ExecuteContext {
  readonly definition: ImageDefinition;
  readonly platform: Platform;
  /** The base's working directory. */
  readonly workdir: string | undefined;
  /** The shell of the base's config, with its options; `/bin/sh -c` if absent, as in a Dockerfile. */
  readonly shell: readonly string[] | undefined;
  /** Variables below those of the definition, as they are at the layer. */
  readonly variables: Variables;
  /** The same as they are in the finished image: values of the definition's own may refer to them. */
  readonly finalVariables: Variables;
}

const defaultShell = ["/bin/sh", "-c"];

/** A title that is longer is cut: it stands in one line. */
const longestTitle = 72;

/** The steps of a layer that executes: one for all of its Debian packages, one for each of its commands. */
export function executeSteps(
  { index, layer }: IndexedLayer<ExecutingLayer>,
  context: ExecuteContext,
): readonly Omit<ExecuteStep, "key">[] {
  const { definition, platform } = context;
  const before = { ...definition, layers: definition.layers.slice(0, index) };
  const env = {
    ...context.variables,
    ...definedEnvironment(before, context.finalVariables),
  };
  const common = {
    kind: "execute",
    needs: "rootfs",
    workdir: definedWorkdir(before, context.workdir) ?? "/",
    secrets: (layer.secretMounts ?? []).map(plannedSecret),
  } as const;
  if (layer.kind === "apt-packages") {
    return [
      {
        ...common,
        purpose: "apt",
        title: short(`apt-get install ${layer.packages.join(" ")}`),
        command: aptCommand(layer.packages),
        env: { ...env, ...aptVariables },
        caches: aptCaches(platform),
      },
    ];
  }
  const shell = context.shell ?? defaultShell;
  return layer.commands.map((command) => ({
    ...common,
    purpose: "command",
    title: short(command),
    command: [...shell, command],
    env,
    caches: [],
  }));
}

/** The step with its key, which knows what lies below it: the base's layers and the keys of other steps. */
export function withKey(
  step: Omit<ExecuteStep, "key">,
  base: readonly Digest[],
  below: readonly { readonly key: Digest }[],
): ExecuteStep {
  const keys = below.map(({ key }) => key);
  return { ...step, key: stepKey("execute", { base, below: keys, ...decisive(step) }) };
}

/** What decides a step's result, beside what lies below it. */
export function decisive(step: Pick<ExecuteStep, "command" | "env" | "workdir" | "secrets">): {
  readonly [name: string]: CanonicalValue;
} {
  const { command, env, workdir } = step;
  return { command, env, workdir, secrets: step.secrets.map((secret) => ({ ...secret })) };
}

function plannedSecret(secret: Secret): PlannedSecret {
  return {
    id: secretId(secret),
    ...present({ path: secret.mountPath, variable: secretVariable(secret) }),
  };
}

function short(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  return line.length > longestTitle ? `${line.slice(0, longestTitle - 1)}…` : line;
}
