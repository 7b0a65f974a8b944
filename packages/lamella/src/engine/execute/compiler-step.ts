import type { Base } from "../../base/base.ts";
import type { Interpreter } from "../../base/outline.ts";
import type { ExecuteStep } from "../plan.ts";
import { aptCaches, aptCommand, aptVariables } from "../resolve/apt-command.ts";
import { withKey } from "../resolve/execute-steps.ts";
import { baseVariables } from "../resolve/image-env.ts";

/** A C compiler, what belongs to it, what Debian has `pkg-config` for, and what reads repositories. */
const compilers = ["build-essential", "git", "pkg-config"];

/** What puts the compiler onto a base. Its layer is for building wheels, and in no image. */
export function compilerStep(
  { config, platform }: Pick<Base, "config" | "platform">,
  interpreter: Interpreter,
): ExecuteStep {
  // Other Pythons, as those of the python images, bring their headers along.
  const isDebians = interpreter.prefix === "/usr";
  const packages = [...compilers, ...(isDebians ? ["python3-dev"] : [])];
  const step = {
    kind: "execute",
    needs: "rootfs",
    purpose: "apt",
    title: `a compiler, for packages without wheels: ${packages.join(" ")}`,
    command: aptCommand(packages),
    env: { ...baseVariables(config.config?.Env ?? [], undefined), ...aptVariables },
    workdir: "/",
    secrets: [],
    caches: aptCaches(platform),
  } as const;
  return withKey(step, config.rootfs.diff_ids, []);
}
