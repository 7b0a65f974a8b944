import type { BuildPlan, PlannedPackage, Step } from "../../engine/plan.ts";
import { type Line, printable, span, textWidth } from "../terminal/line.ts";
import { count, formatBytes } from "../terminal/quantity.ts";
import type { PlannedStep, PlanRecord } from "./plan-record.ts";

/** A plan for people: what it stands on, the packages, and each layer with whether it has to be made. */
export function planLines(plan: PlanRecord): readonly Line[] {
  const { uri, existing, platform, base, python, packages, config } = plan;
  const steps = plan.steps.filter(mayHaveLayer);
  const env = Object.entries(config.env).map(([name, value]) => `${name}=${value}`);
  return [
    [span(printable(uri), "bold"), span(`  ${platform}`)],
    ...(existing ? [[span(`${existing} is there already: a build makes nothing`)]] : []),
    [],
    ...facts([
      ["base", `${base.reference}@${base.digest}`],
      ["", `${count(base.layers.length, "layer")}, ${formatBytes(sum(base.layers))}`],
      ...(python ? [["python", pythonWords(python)] as const] : []),
      ...(config.workdir === undefined ? [] : [["workdir", config.workdir] as const]),
      ...(config.user === undefined ? [] : [["user", config.user] as const]),
      ...env.map((text, index) => [index === 0 ? "env" : "", text] as const),
    ]),
    ...section(
      `${count(packages.length, "package")}, ${formatBytes(sum(packages))}`,
      packages.map(packageRow),
    ),
    ...section(
      `${count(steps.length, "layer")} above the base, ${toMake(steps)} of them to make`,
      steps.map((step) => stepRow(step, packages)),
    ),
    ...(plan.pending === undefined
      ? []
      : [
          [],
          [span("What lies above that is planned when it was executed:", "yellow")],
          ...plan.pending.split("\n").map((line): Line => [span(`  ${printable(line)}`)]),
        ]),
    [],
  ];
}

/** Where packages hardly ever overlap, there is no layer; whether they do is known once their wheels are here. */
function mayHaveLayer({ kind, layer }: PlannedStep): boolean {
  return kind !== "overlaps" || layer !== undefined;
}

function pythonWords({ version, prefix, compiler }: NonNullable<BuildPlan["python"]>): string {
  const bytecode = compiler
    ? `bytecode by Python ${compiler.version}, but of no tests folders`
    : "no bytecode: no Python of that version here";
  return `${version} in ${prefix}, ${bytecode}`;
}

function packageRow({ name, version, size, wheel }: PlannedPackage): readonly string[] {
  return [`${name} ${version}`, formatBytes(size), wheel];
}

function toMake(steps: readonly PlannedStep[]): number {
  return steps.filter(({ state }) => state !== "cached").length;
}

function stepRow(step: PlannedStep, packages: readonly PlannedPackage[]): readonly string[] {
  const { title, state, layer } = step;
  if (state !== "cached") return [title, expectedSize(step, packages), state];
  return [title, layer ? formatBytes(layer.size) : "no files", state];
}

/** Bytes that go into a layer; what comes out is known when it is made. */
function expectedSize(step: Step, packages: readonly PlannedPackage[]): string {
  switch (step.kind) {
    case "wheels":
      return `~${formatBytes(sum(step.packages.flatMap((index) => packages[index] ?? [])))}`;
    case "source":
      return `~${formatBytes(step.size)}`;
    case "bytecode":
    case "execute":
    case "overlaps":
    case "inline":
      return "";
  }
}

function sum(items: readonly { readonly size: number }[]): number {
  return items.reduce((total, { size }) => total + size, 0);
}

function facts(rows: readonly (readonly [string, string])[]): readonly Line[] {
  return rows.map(([name, text]) => [span(`  ${name.padEnd(9)}`, "dim"), span(printable(text))]);
}

/** A heading and a table: the first column as wide as its widest cell, the second one's figures at their right edge. */
function section(heading: string, rows: readonly (readonly string[])[]): readonly Line[] {
  if (rows.length === 0) return [];
  const cells = rows.map((row) => row.map(printable));
  const width = (column: number): number =>
    Math.max(...cells.map((row) => textWidth(row[column] ?? "")));
  const [first, second] = [width(0), width(1)];
  return [
    [],
    [span(heading, "bold")],
    ...cells.map(([name = "", size = "", rest = ""]): Line => {
      const gap = " ".repeat(first - textWidth(name) + 2 + second - textWidth(size));
      return [span(`  ${name}${gap}${size}`), span(`  ${rest}`, "dim")];
    }),
  ];
}
