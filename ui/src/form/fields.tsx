/** The fields of a form that is made from a JSON Schema; each hands up the value that it stands for. */

import type { ComponentChildren } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { beginning, definition, fieldOf, parsedJson, pathTo, withPart, type Field, type Part, type Schema } from "../logic/schema_form";
import { JsonEditor } from "../parts/json_editor";

/** What all fields of a form have in common. */
export interface Form {
  readonly root: Schema;
  /** What is wrong at which path. */
  readonly problems: ReadonlyMap<string, readonly string[]>;
  /** Tells that what is written in a field is no JSON; `null` if it is. */
  onBroken(path: string, problem: string | null): void;
}

interface FieldProps {
  readonly form: Form;
  readonly schema: Schema;
  readonly label: string;
  readonly path: string;
  readonly value: unknown;
  readonly isRequired: boolean;
  readonly depth: number;
  readonly onValue: (value: unknown) => void;
}

type Props<K extends Field["kind"]> = FieldProps & { readonly field: Extract<Field, { kind: K }> };

export function SchemaField(props: FieldProps) {
  const field = fieldOf(props.schema, props.form.root, props.depth);
  const { description } = definition(props.schema, props.form.root);
  return (
    <div class={`form-part is-${field.kind}`} data-field={props.path}>
      <ByKind {...props} field={field} />
      {typeof description === "string" && props.depth > 0 && <p class="dim description">{description}</p>}
    </div>
  );
}

function ByKind(props: Props<Field["kind"]>) {
  const { field, ...rest } = props;
  switch (field.kind) {
    case "text":
      return <TextField {...rest} field={field} />;
    case "number":
      return <NumberField {...rest} field={field} />;
    case "boolean":
      return <BooleanField {...rest} field={field} />;
    case "choice":
      return <ChoiceField {...rest} field={field} />;
    case "list":
      return <Group {...rest} content={(own) => <Items {...own} field={field} />} />;
    case "object":
      return <Group {...rest} content={(own) => <Parts {...own} parts={field.parts} />} />;
    case "maybe":
      return <MaybeField {...rest} field={field} />;
    case "fixed":
      return <FixedField {...rest} field={field} />;
    default:
      return <JsonField {...rest} />;
  }
}

function Name({ label, isRequired, note }: { label: string; isRequired: boolean; note?: string }) {
  return (
    <span>
      {label}
      {isRequired && <span aria-hidden="true"> *</span>}
      {note && <small> {note}</small>}
    </span>
  );
}

function useProblems({ form, path }: FieldProps) {
  const id = useId();
  const found = form.problems.get(path) ?? [];
  return {
    marks: found.length > 0 ? { "aria-invalid": true, "aria-describedby": id } : {},
    told:
      found.length > 0 ? (
        <span class="problem" id={id}>
          {found.join(" ")}
        </span>
      ) : null,
  };
}

function TextField(props: Props<"text">) {
  const { field, value, label, isRequired, onValue } = props;
  const { marks, told } = useProblems(props);
  const text = typeof value === "string" ? value : "";
  const write = (event: Event) => {
    const written = (event.currentTarget as HTMLInputElement).value;
    onValue(written === "" && !isRequired ? undefined : written);
  };
  const isLong = field.isLong || text.length > 120 || text.includes("\n");
  return (
    <label class="field">
      <Name label={label} isRequired={isRequired} note={field.hint} />
      {isLong && !field.isSecret ? (
        <textarea rows={4} value={text} onInput={write} {...marks} />
      ) : (
        <input {...(field.isSecret && { type: "password" as const })} value={text} autocomplete="off" spellcheck={false} onInput={write} {...marks} />
      )}
      {told}
    </label>
  );
}

function NumberField(props: Props<"number">) {
  const { field, value, label, isRequired, onValue } = props;
  const { marks, told } = useProblems(props);
  const write = (event: Event) => {
    const written = (event.currentTarget as HTMLInputElement).valueAsNumber;
    onValue(Number.isNaN(written) ? undefined : written);
  };
  return (
    <label class="field">
      <Name label={label} isRequired={isRequired} note={field.isWhole ? "whole number" : "number"} />
      <input
        type="number"
        value={typeof value === "number" ? value : ""}
        step={field.isWhole ? 1 : "any"}
        min={field.least ?? undefined}
        max={field.most ?? undefined}
        onInput={write}
        {...marks}
      />
      {told}
    </label>
  );
}

function BooleanField(props: Props<"boolean">) {
  const { value, label, isRequired, onValue } = props;
  const { marks, told } = useProblems(props);
  return (
    <label class="check">
      <input type="checkbox" checked={value === true} onChange={(event) => onValue(event.currentTarget.checked)} {...marks} />
      <Name label={label} isRequired={isRequired} />
      {told}
    </label>
  );
}

function ChoiceField(props: Props<"choice">) {
  const { field, value, label, isRequired, onValue } = props;
  const { marks, told } = useProblems(props);
  const at = field.choices.findIndex((choice) => choice === value);
  return (
    <label class="field">
      <Name label={label} isRequired={isRequired} />
      <select value={String(at)} onChange={(event) => onValue(field.choices[Number(event.currentTarget.value)])} {...marks}>
        <option value="-1">–</option>
        {field.choices.map((choice, index) => (
          <option key={index} value={String(index)}>
            {String(choice)}
          </option>
        ))}
      </select>
      {told}
    </label>
  );
}

function FixedField({ field, label }: Props<"fixed">) {
  return (
    <p class="dim">
      {label}: <code>{JSON.stringify(field.value)}</code>
    </p>
  );
}

/** What may be a value or nothing. */
function MaybeField(props: Props<"maybe">) {
  const { field, label, value, form, onValue, depth } = props;
  const isThere = value !== null && value !== undefined;
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={isThere}
          onChange={(event) => onValue(event.currentTarget.checked ? (beginning(field.of, form.root, depth) ?? least(field.of, form.root)) : null)}
        />
        <span>{label} has a value</span>
      </label>
      {isThere && <SchemaField {...props} schema={field.of} isRequired depth={depth + 1} />}
    </>
  );
}

/** The least value of a kind, for one that is to be there. */
function least(schema: Schema, root: Schema): unknown {
  const { kind } = fieldOf(schema, root);
  return kind === "number" ? 0 : kind === "json" ? {} : "";
}

/** A list or an object, with a name around it. */
function Group({ content, ...props }: FieldProps & { content: (props: FieldProps) => ComponentChildren }) {
  const { told } = useProblems(props);
  const { label, isRequired, value, form, schema, depth, onValue } = props;
  if (depth === 0) {
    return (
      <>
        {told}
        {content(props)}
      </>
    );
  }
  return (
    <fieldset class="group">
      <legend>
        <Name label={label} isRequired={isRequired} />
      </legend>
      {told}
      {value === undefined ? (
        <button type="button" class="small" onClick={() => onValue(beginning(schema, form.root, depth))}>
          Give {label}
        </button>
      ) : (
        <>
          {content(props)}
          {!isRequired && (
            <button type="button" class="small" onClick={() => onValue(undefined)}>
              Leave {label} out
            </button>
          )}
        </>
      )}
    </fieldset>
  );
}

function Parts({ parts, form, path, value, depth, onValue }: FieldProps & { parts: readonly Part[] }) {
  const values = (value ?? {}) as Record<string, unknown>;
  return (
    <>
      {parts.map((part) => (
        <SchemaField
          key={part.name}
          form={form}
          schema={part.schema}
          label={part.name}
          path={pathTo(path, part.name)}
          value={values[part.name]}
          isRequired={part.isRequired}
          depth={depth + 1}
          onValue={(changed) => onValue(withPart(value, part.name, changed))}
        />
      ))}
    </>
  );
}

function Items({ field, form, path, value, label, depth, onValue }: Props<"list">) {
  const items = Array.isArray(value) ? (value as unknown[]) : [];
  return (
    <>
      {items.map((item, index) => (
        <div class="item" key={index}>
          <SchemaField
            form={form}
            schema={field.of}
            label={`${label} ${index + 1}`}
            path={pathTo(path, index)}
            value={item}
            isRequired
            depth={depth + 1}
            onValue={(changed) => onValue(items.with(index, changed))}
          />
          <button type="button" class="small" onClick={() => onValue(items.toSpliced(index, 1))}>
            Remove {label} {index + 1}
          </button>
        </div>
      ))}
      <button type="button" class="small" onClick={() => onValue([...items, beginning(field.of, form.root, depth + 1) ?? least(field.of, form.root)])}>
        Add to {label}
      </button>
    </>
  );
}

function JsonField(props: FieldProps) {
  const { form, label, path, value, isRequired, onValue } = props;
  const [text, setText] = useState(() => (value === undefined ? "" : JSON.stringify(value, null, 2)));
  useEffect(() => () => form.onBroken(path, null), [path]);
  const write = (written: string) => {
    setText(written);
    if (written.trim() === "" && !isRequired) {
      form.onBroken(path, null);
      onValue(undefined);
      return;
    }
    const { value: read, problem } = parsedJson(written);
    form.onBroken(path, problem);
    if (problem === null) onValue(read);
  };
  const isEmpty = text.trim() === "" && !isRequired;
  return isEmpty ? (
    <label class="field">
      <Name label={label} isRequired={false} note="JSON" />
      <textarea class="mono" rows={2} value={text} spellcheck={false} onInput={(event) => write(event.currentTarget.value)} />
    </label>
  ) : (
    <JsonEditor label={`${label} (JSON)`} text={text} rows={4} problems={form.problems.get(path) ?? []} onText={write} />
  );
}
