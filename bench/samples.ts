import type { ContenderName } from "./contender.ts";
import { type Measure, type MeasureName, measures } from "./measure.ts";

/** What one contender gave for one measure. */
export interface Summary {
  readonly samples: readonly number[];
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Row extends Measure {
  readonly name: MeasureName;
  readonly lamella?: Summary;
  readonly buildkit?: Summary;
  /** Lamella's median divided by BuildKit's. */
  readonly ratio?: number;
}

/** All numbers that were measured. */
export class Samples {
  readonly #values = new Map<string, number[]>();

  add(measure: MeasureName, contender: ContenderName, value: number): void {
    const key = keyOf(measure, contender);
    this.#values.set(key, [...(this.#values.get(key) ?? []), value]);
  }

  /** A row for each measure of which there is a sample. */
  rows(): readonly Row[] {
    return (Object.keys(measures) as MeasureName[]).flatMap((name) => {
      const lamella = this.#summary(name, "lamella");
      const buildkit = this.#summary(name, "buildkit");
      if (!lamella && !buildkit) return [];
      return {
        name,
        ...measures[name],
        ...(lamella && { lamella }),
        ...(buildkit && { buildkit }),
        ...(lamella && buildkit && { ratio: lamella.median / buildkit.median }),
      };
    });
  }

  #summary(measure: MeasureName, contender: ContenderName): Summary | undefined {
    const samples = this.#values.get(keyOf(measure, contender));
    return samples && summarize(samples);
  }
}

function keyOf(measure: MeasureName, contender: ContenderName): string {
  return `${measure} ${contender}`;
}

/** Of at least one number. The median of an even count is the mean of the two in the middle. */
export function summarize(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    samples,
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    least: at(0),
    most: at(sorted.length - 1),
  };
}
