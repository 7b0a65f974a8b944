/**
 * The form in which names of distributions, extras and groups are compared: lower case, runs of `-`, `_` and `.` as one
 * `-` (PEP 503).
 *
 * @example
 * normalizeName("Foo.Bar__baz"); // "foo-bar-baz"
 */
export function normalizeName(name: string): string {
  return name.replaceAll(/[-_.]+/g, "-").toLowerCase();
}
