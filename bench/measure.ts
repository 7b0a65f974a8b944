/** What can be measured, in the order in which it is. */
export const cases = [
  "cold",
  "nothing-changed",
  "add-one",
  "source-only",
  "fresh-machine",
  "pull",
  "start",
] as const;
export type Case = (typeof cases)[number];

/** The case that must be done before, which is then measured too. */
const standsOn: Readonly<Partial<Record<Case, Case>>> = {
  "nothing-changed": "cold",
  "add-one": "cold",
  "source-only": "cold",
  "fresh-machine": "cold",
  pull: "add-one",
  start: "pull",
};

/** The cases, and all that they stand on. */
export function withWhatTheyStandOn(wanted: readonly Case[]): ReadonlySet<Case> {
  const all = new Set<Case>();
  for (const first of wanted) {
    for (let at: Case | undefined = first; at; at = standsOn[at]) all.add(at);
  }
  return all;
}

/** One number that a case gives for each contender. */
export interface Measure {
  readonly title: string;
  readonly unit: "seconds" | "bytes";
  /** What Lamella's median divided by BuildKit's should be at most. */
  readonly wanted?: number;
}

export type MeasureName =
  | "cold"
  | "nothingChanged"
  | "addOne"
  | "sourceOnly"
  | "freshMachine"
  | "freshMachineWorkdirLast"
  | "pullCold"
  | "pullColdBytes"
  | "pullAddOne"
  | "pullAddOneBytes"
  | "start"
  | "startImport";

export const measures: Readonly<Record<MeasureName, Measure>> = {
  cold: { title: "cold: build and push", unit: "seconds", wanted: 0.5 },
  nothingChanged: { title: "nothing changed", unit: "seconds" },
  addOne: { title: "one small package more", unit: "seconds", wanted: 0.05 },
  sourceOnly: { title: "one source file changed", unit: "seconds" },
  freshMachine: { title: "the same on a fresh machine, WORKDIR first", unit: "seconds" },
  freshMachineWorkdirLast: {
    title: "the same on a fresh machine, WORKDIR last",
    unit: "seconds",
    wanted: 0.1,
  },
  pullCold: { title: "first pull", unit: "seconds", wanted: 1 },
  pullColdBytes: { title: "first pull, bytes", unit: "bytes" },
  pullAddOne: { title: "pull with one package more", unit: "seconds", wanted: 0.2 },
  pullAddOneBytes: { title: "pull with one package more, bytes", unit: "bytes", wanted: 0.1 },
  start: { title: "start: python -c pass", unit: "seconds", wanted: 1.1 },
  startImport: { title: "start: python -c 'import …'", unit: "seconds", wanted: 1.1 },
};
