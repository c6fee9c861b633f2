/** A form for what a JSON Schema describes: what each part is asked with, and a value that may still have gaps. */

export type Schema = Readonly<Record<string, unknown>>;

export interface Part {
  readonly name: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

/** What something is asked with; *json* is for all that nothing else is made for. */
export type Field =
  | { readonly kind: "text"; readonly isSecret: boolean; readonly isLong: boolean; readonly hint: string }
  | { readonly kind: "number"; readonly isWhole: boolean; readonly least: number | null; readonly most: number | null }
  | { readonly kind: "boolean" }
  | { readonly kind: "choice"; readonly choices: readonly unknown[] }
  | { readonly kind: "fixed"; readonly value: unknown }
  | { readonly kind: "list"; readonly of: Schema }
  | { readonly kind: "object"; readonly parts: readonly Part[] }
  | { readonly kind: "maybe"; readonly of: Schema }
  | { readonly kind: "json" };

/** Deeper parts are written as JSON: a schema may refer to itself. */
const DEEPEST = 6;
const JSON_FIELD: Field = { kind: "json" };

/** What a schema stands for, if it is a reference. */
export function definition(schema: Schema, root: Schema): Schema {
  let found = schema;
  for (let steps = 0; typeof found.$ref === "string" && steps < 20; steps += 1) {
    const target: unknown = found.$ref
      .replace(/^#\/?/, "")
      .split("/")
      .filter(Boolean)
      .reduce<unknown>((at, name) => (isObject(at) ? at[name.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined), root);
    if (!isObject(target)) return {};
    const { $ref: _, ...rest } = found;
    found = { ...target, ...rest }; // what stands beside a reference counts, too: a title, a default
  }
  return found;
}

export function fieldOf(given: unknown, root: Schema, depth = 0): Field {
  if (!isObject(given) || depth > DEEPEST) return JSON_FIELD;
  const schema = definition(given, root);
  if ("const" in schema) return { kind: "fixed", value: schema.const };
  if (Array.isArray(schema.enum)) return { kind: "choice", choices: schema.enum };
  const either = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(either)) return ofSeveral(either);
  if (Array.isArray(schema.type)) return ofSeveral(schema.type.map((type) => ({ ...schema, type: type as unknown })));
  switch (schema.type) {
    case "string":
      return ofText(schema);
    case "integer":
    case "number":
      return { kind: "number", isWhole: schema.type === "integer", least: bound(schema.minimum), most: bound(schema.maximum) };
    case "boolean":
      return { kind: "boolean" };
    case "null":
      return { kind: "fixed", value: null };
    case "array":
      return isObject(schema.items) && !("prefixItems" in schema) ? { kind: "list", of: schema.items } : JSON_FIELD;
    case "object":
      return isObject(schema.properties) ? { kind: "object", parts: partsOf(schema, schema.properties) } : JSON_FIELD;
    default:
      return JSON_FIELD;
  }
}

/** Of one kind or nothing there is a form; of several kinds there is none. */
function ofSeveral(schemas: readonly unknown[]): Field {
  const others = schemas.filter((one) => !(isObject(one) && one.type === "null"));
  const [only] = others;
  if (others.length !== 1 || !isObject(only)) return JSON_FIELD;
  return others.length < schemas.length ? { kind: "maybe", of: only } : JSON_FIELD;
}

function ofText(schema: Schema): Field {
  const format = typeof schema.format === "string" ? schema.format : "";
  const isSecret = format === "password" || schema.writeOnly === true;
  const isLong = typeof schema.maxLength === "number" && schema.maxLength > 200;
  return { kind: "text", isSecret, isLong, hint: format === "password" ? "" : format };
}

function partsOf(schema: Schema, properties: Schema): Part[] {
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(properties).map(([name, part]) => ({ name, schema: isObject(part) ? part : {}, isRequired: required.includes(name) }));
}

function bound(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** What a part begins with: its default, else the least that there can be; `undefined` for what may be left out. */
export function beginning(given: unknown, root: Schema, depth = 0): unknown {
  if (!isObject(given)) return undefined;
  const schema = definition(given, root);
  if ("default" in schema) return withoutHidden(schema.default);
  const field = fieldOf(given, root, depth);
  switch (field.kind) {
    case "fixed":
      return field.value;
    case "boolean":
      return false;
    case "list":
      return [];
    case "maybe":
      return null;
    case "object": {
      const required = field.parts.filter((part) => part.isRequired);
      return Object.fromEntries(required.map((part) => [part.name, beginning(part.schema, root, depth + 1)]).filter(([, value]) => value !== undefined));
    }
    default:
      return undefined;
  }
}

/** An object with one of its values changed; without it if that is `undefined`. */
export function withPart(value: unknown, name: string, part: unknown): Record<string, unknown> {
  const { [name]: _, ...rest } = isObject(value) ? value : {};
  if (part === undefined) return rest;
  return isObject(value) && name in value ? { ...value, [name]: part } : { ...rest, [name]: part };
}

/** A path as the server names it in what it finds wrong. */
export function pathTo(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return `${path}.${key}`;
}

/** Where values are that the server did not show, so that they cannot be sent back as they are. */
export function hiddenIn(value: unknown, path = "$"): string[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => hiddenIn(item, pathTo(path, index)));
  if (!isObject(value)) return [];
  const keys = Object.keys(value);
  if (keys.length === 1 && /^\$(redacted|cut|unreadable|number)$/.test(keys[0]!)) return [path];
  return keys.flatMap((key) => hiddenIn(value[key], pathTo(path, key)));
}

/** A value without what is not shown in it, which is to be given anew. */
export function withoutHidden(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutHidden).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (hiddenIn(value).includes("$")) return undefined;
  return Object.fromEntries(Object.entries(value).flatMap(([key, part]) => (hiddenIn(part).includes("$") ? [] : [[key, withoutHidden(part)]])));
}

export type Parsed = { readonly value: unknown; readonly problem: null } | { readonly value: null; readonly problem: string };

/** Read JSON that a person has written. */
export function parsedJson(text: string): Parsed {
  if (text.trim() === "") return { value: null, problem: "Nothing is written here; for no value write null." };
  try {
    return { value: JSON.parse(text) as unknown, problem: null };
  } catch (error) {
    return { value: null, problem: `This is no JSON: ${(error as Error).message}` };
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
