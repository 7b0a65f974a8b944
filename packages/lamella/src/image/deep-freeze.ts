/** Freezes plain data through and through. */
export function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value) as readonly unknown[]) {
    if (typeof part === "object" && part !== null && !Object.isFrozen(part)) deepFreeze(part);
  }
  return Object.freeze(value);
}
