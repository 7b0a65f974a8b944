import * as fc from "fast-check";

/** A JSON Schema, of which these keywords are understood. What is a text or an object without properties has examples. */
export interface Schema {
  readonly $ref?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly type?: string;
  readonly oneOf?: readonly Schema[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** Values that a schema allows, its examples for texts. `root` is the whole schema. */
export function schemaValues(root: Schema, schema: Schema = root): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return schemaValues(root, definition(root, schema.$ref));
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.examples) return fc.constantFrom(...schema.examples);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.oneOf) return fc.oneof(...schema.oneOf.map((one) => schemaValues(root, one)));
  if (schema.type === "boolean") return fc.boolean();
  if (schema.items) {
    const { minItems = 0 } = schema;
    return fc.array(schemaValues(root, schema.items), { minLength: minItems, maxLength: 4 });
  }
  if (schema.properties) {
    const fields = Object.entries(schema.properties).map(([name, one]) => [
      name,
      schemaValues(root, one),
    ]);
    const requiredKeys = [...(schema.required ?? [])] as never[];
    return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, {
      requiredKeys,
    });
  }
  throw new Error(`No values for ${JSON.stringify(schema)}.`);
}

/** The value with one thing changed in it, in every way that the examples and the lists in the schema give. */
export function* mutations(root: Schema, value: unknown, schema: Schema = root): Generator {
  if (schema.$ref !== undefined) {
    yield* mutations(root, value, definition(root, schema.$ref));
    return;
  }
  const others = schema.examples ?? schema.enum ?? (schema.type === "boolean" ? [true, false] : []);
  for (const other of others) {
    if (JSON.stringify(other) !== JSON.stringify(value)) yield other;
  }
  if (schema.examples) return;
  if (schema.oneOf) {
    const fitting = schema.oneOf.find((one) => isOfKind(one, value));
    if (fitting) yield* mutations(root, value, fitting);
    return;
  }
  if (schema.items && Array.isArray(value)) {
    const { items } = schema;
    const list: readonly unknown[] = value;
    for (const [at, each] of list.entries()) {
      yield list.toSpliced(at, 1);
      for (const other of mutations(root, each, items)) yield list.with(at, other);
    }
    if (list.length > 1) yield list.toReversed();
  }
  if (schema.properties) {
    const fields = value as Readonly<Record<string, unknown>>;
    for (const [name, one] of Object.entries(schema.properties)) {
      if (!Object.hasOwn(fields, name)) continue;
      for (const other of mutations(root, fields[name], one)) yield { ...fields, [name]: other };
      const { [name]: _, ...rest } = fields;
      if (!schema.required?.includes(name)) yield rest;
    }
  }
}

/** Whether the value has the fields of an alternative, and its constants. */
function isOfKind({ properties = {}, required = [] }: Schema, value: unknown): boolean {
  const fields = value as Readonly<Record<string, unknown>>;
  const isConstant = ([name, one]: [string, Schema]): boolean =>
    !("const" in one) || one.const === fields[name];
  return (
    Object.entries(properties).every(isConstant) &&
    required.every((name) => name in fields) &&
    Object.keys(fields).every((name) => name in properties)
  );
}

function definition({ $defs = {} }: Schema, reference: string): Schema {
  const found = $defs[reference.replace("#/$defs/", "")];
  if (!found) throw new Error(`No ${reference}.`);
  return found;
}
