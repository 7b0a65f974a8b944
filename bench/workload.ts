/** Which Python packages are built into an image, and what is tried with it. */
export interface Workload {
  readonly name: string;
  readonly packages: readonly string[];
  /** The one that is added afterwards: small, and (which is checked) needed by none of the others. */
  readonly oneMore: string;
  /** A module of theirs whose import is the program that is started. */
  readonly module: string;
}

/** What the images' Python is; the base's, and so the wheels' too. */
export const pythonVersion = "3.11";

const eight = {
  name: "eight",
  packages: [
    "pandas",
    "scipy",
    "pyarrow",
    "numpy",
    "scikit-learn",
    "requests",
    "polars",
    "matplotlib",
  ],
  oneMore: "six",
  module: "pandas",
} satisfies Workload;

/** To see quickly that everything works. */
const small = {
  name: "small",
  packages: ["requests"],
  oneMore: "six",
  module: "requests",
} satisfies Workload;

export const workloads: Readonly<Record<"eight" | "small", Workload>> = { eight, small };
