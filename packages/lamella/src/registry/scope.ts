/**
 * What a token allows, as the token specification of the CNCF distribution writes it: `repository:NAME:pull,push`.
 */
export type Scope = string;

export function pullScope(repository: string): Scope {
  return `repository:${repository}:pull`;
}

export function pushScope(repository: string): Scope {
  return `repository:${repository}:pull,push`;
}

/** The scopes of a challenge: several are separated by spaces. */
export function parseScopes(text: string | undefined): Scope[] {
  return (text ?? "").split(" ").filter((scope) => scope !== "");
}

/** One scope for each resource, with all the actions that any of them has; sorted, so that equal sets are equal. */
export function mergeScopes(scopes: readonly Scope[]): Scope[] {
  const actions = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const { resource, actions: wanted } = split(scope);
    const known = actions.get(resource) ?? new Set();
    for (const action of wanted) known.add(action);
    actions.set(resource, known);
  }
  return [...actions].map(([resource, set]) => `${resource}:${[...set].sort().join(",")}`).sort();
}

/** Whether a token for `granted` is one for `wanted` too. Both are merged. */
export function coversScopes(granted: readonly Scope[], wanted: readonly Scope[]): boolean {
  return mergeScopes([...granted, ...wanted]).join(" ") === mergeScopes(granted).join(" ");
}

function split(scope: Scope): { readonly resource: string; readonly actions: readonly string[] } {
  const end = scope.lastIndexOf(":");
  return end === -1
    ? { resource: scope, actions: [] }
    : { resource: scope.slice(0, end), actions: scope.slice(end + 1).split(",") };
}
