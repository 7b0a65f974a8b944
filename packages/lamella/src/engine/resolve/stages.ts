import type { ImageDefinition, LayerDefinition } from "../../image/definition.ts";

/** A layer that is made by running something. */
export type ExecutingLayer = Extract<
  LayerDefinition,
  { readonly kind: "apt-packages" | "commands" }
>;

/** A layer with its index in the definition. */
export interface IndexedLayer<L extends LayerDefinition = LayerDefinition> {
  readonly index: number;
  readonly layer: L;
}

/** Layers that only place files, and then those that execute on top of them. */
export interface Stage {
  readonly files: readonly IndexedLayer[];
  readonly executing: readonly IndexedLayer<ExecutingLayer>[];
}

/**
 * A definition's layers by what can be planned at once: a stage ends with layers that execute, since files above those have
 * to be planned against what they left. What only gets into the config is in no stage. There is always a first stage.
 */
export function definitionStages({ layers }: ImageDefinition): readonly Stage[] {
  const stages: { files: IndexedLayer[]; executing: IndexedLayer<ExecutingLayer>[] }[] = [
    { files: [], executing: [] },
  ];
  for (const [index, layer] of layers.entries()) {
    if (placesNothing(layer)) continue;
    let stage = stages.at(-1);
    if (layer.kind === "apt-packages" || layer.kind === "commands") {
      stage?.executing.push({ index, layer });
      continue;
    }
    if (!stage || stage.executing.length > 0) stages.push((stage = { files: [], executing: [] }));
    stage.files.push({ index, layer });
  }
  return stages;
}

function placesNothing({ kind }: LayerDefinition): boolean {
  return kind === "env" || kind === "entrypoint" || kind === "labels" || kind === "user";
}
