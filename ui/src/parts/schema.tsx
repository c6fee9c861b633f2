/** What a payload or a context is like, as its JSON Schema says. */

import type { Contract, Place } from "../api/types";
import { definition, type Schema as SchemaObject } from "../logic/schema_form";
import { JsonTree } from "./json_tree";

/** What a payload is like: its fields if it has some, and the whole schema for those who want it. */
export function Schema({ contract, label }: { contract: Contract; label: string }) {
  const fields = fieldsOf(contract.schema);
  const text = JSON.stringify(contract.schema);
  return (
    <details class="schema">
      <summary>
        <code>{contract.type_name}</code> {contract.source && <At place={contract.source} />}
        {fields.length > 0 && <span class="dim">{fields.map((field) => field.name).join(", ")}</span>}
      </summary>
      {fields.length > 0 && (
        <ul class="fields">
          {fields.map((field) => (
            <li key={field.name}>
              <code>{field.name}</code> <span class="dim">{field.type}</span>
              {field.isRequired && <span class="tag">required</span>}
            </li>
          ))}
        </ul>
      )}
      <JsonTree value={{ bytes: text.length, is_cut: false, is_readable: true, data: contract.schema }} label={`Schema of ${label}`} />
    </details>
  );
}

interface Field {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
}

function fieldsOf(schema: unknown): Field[] {
  const root = schema as SchemaObject;
  const resolved = definition(root, root);
  const properties = resolved.properties as Readonly<Record<string, SchemaObject>> | undefined;
  const required = (resolved.required ?? []) as readonly string[];
  return Object.entries(properties ?? {}).map(([name, value]) => ({ name, type: typeOf(value), isRequired: required.includes(name) }));
}

export function typeOf(schema: SchemaObject): string {
  if (typeof schema.$ref === "string") return schema.$ref.split("/").at(-1)!;
  if (Array.isArray(schema.anyOf)) return schema.anyOf.map((one) => typeOf(one as SchemaObject)).join(" or ");
  if (Array.isArray(schema.enum)) return schema.enum.map(String).join(" or ");
  if (schema.type === "array") return `list of ${typeOf((schema.items ?? {}) as SchemaObject)}`;
  return String(schema.format ?? schema.type ?? "anything");
}

export function At({ place }: { place: Place }) {
  if (place.file === null) return null;
  return (
    <code class="source dim" title={`${place.file}:${place.line}`}>
      {" "}
      {place.file.split("/").slice(-2).join("/")}:{place.line}{" "}
    </code>
  );
}
