/**
 * The Python versions that default images are published for, by the names of the Python SDK: 3.8 to 3.12 with `flytekit`,
 * 3.10 to 3.14 with `flyte`, its second generation.
 *
 * @example
 * ```ts
 * await DefaultImages.findImageFor({ pythonVersion: PythonVersion.PYTHON_3_11 });
 * ```
 */
export const PythonVersion = {
  PYTHON_3_8: "3.8",
  PYTHON_3_9: "3.9",
  PYTHON_3_10: "3.10",
  PYTHON_3_11: "3.11",
  PYTHON_3_12: "3.12",
  PYTHON_3_13: "3.13",
  PYTHON_3_14: "3.14",
} as const;

/** One of {@link PythonVersion}'s. */
export type PythonVersion = (typeof PythonVersion)[keyof typeof PythonVersion];
