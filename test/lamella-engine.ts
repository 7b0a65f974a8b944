import type { ContainerEngine } from "../packages/lamella/testing/container-engine.ts";
import { lamella } from "../packages/lamella/testing/lamella.ts";
import type { Project } from "./project.ts";

/** `lamella run`, from a project's store. */
export function lamellaEngine({
  folder,
  store,
}: Pick<Project, "folder" | "store">): ContainerEngine {
  return {
    // It pulls what it runs.
    pull: async () => {},
    run: async (reference, command) => {
      const { code, stdout, stderr } = await lamella(["run", reference, "--", ...command], {
        cwd: folder,
        env: { LAMELLA_HOME: store },
      });
      if (code !== 0) throw new Error(`lamella run ended with code ${code}:\n${stderr}`);
      return stdout;
    },
  };
}
