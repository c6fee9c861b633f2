/** Starts a run: a signal is chosen, its payload is written in a form, checked, and sent. */

import { useEffect, useRef, useState } from "preact/hooks";
import { problemsOf } from "../actions/checking";
import { Outcome } from "../actions/outcome";
import { NewId } from "../actions/new_id";
import { useSender, type Order } from "../actions/orders";
import { ask } from "../api/client";
import { useFetched } from "../api/fetched";
import { may, meta } from "../api/meta";
import type { Collateral, Collaterals, Example, Form } from "../api/types";
import { SchemaField } from "../form/fields";
import { href } from "../logic/address";
import { newKey } from "../logic/deeds";
import { counted } from "../logic/format";
import { beginning, hiddenIn, parsedJson, withoutHidden, type Schema } from "../logic/schema_form";
import { JsonEditor } from "../parts/json_editor";
import { go } from "../parts/place";
import { Empty, Trouble, Waiting } from "../parts/shown";

export function StimulateView({ collateralRef }: { collateralRef: string | null }) {
  const found = useFetched("collaterals", (signal) => ask<Collaterals>(["collaterals"], {}, signal));
  if (meta.value !== null && !may("stimulate")) return <Empty title="These DevTools show, and start nothing" />;
  if (found.error && !found.data) return <Trouble error={found.error} retry={found.reload} />;
  if (!found.data) return <Waiting what="the signals" />;
  const { collaterals } = found.data;
  const chosen = collaterals.find((one) => one.ref === collateralRef);
  return (
    <>
      <div class="title">
        <h1>Stimulate</h1>
        <span class="dim">start a run with a signal from outside</span>
      </div>
      <div class="filters">
        <CollateralChoice collaterals={collaterals} chosen={collateralRef} />
      </div>
      {chosen && <Sending key={chosen.ref} collateral={chosen} />}
      {!chosen && collateralRef !== null && <Empty title="There is no such signal in this graph" />}
      {!chosen && collateralRef === null && <Empty title="Choose a signal" />}
    </>
  );
}

function CollateralChoice({ collaterals, chosen }: { collaterals: readonly Collateral[]; chosen: string | null }) {
  const known = collaterals.filter((one) => one.subscribers.length > 0);
  const groups = [
    ["From outside", known.filter((one) => one.is_entry)],
    ["Emitted by neurons", known.filter((one) => !one.is_entry)],
  ] as const;
  return (
    <label class="field">
      <span>Signal</span>
      <select value={chosen ?? ""} onChange={(event) => go(href(["stimulate", event.currentTarget.value]))}>
        <option value="" disabled>
          …
        </option>
        {groups
          .filter(([, members]) => members.length > 0)
          .map(([label, members]) => (
            <optgroup key={label} label={label}>
              {members.map((one) => (
                <option key={one.ref} value={one.ref}>
                  {one.name}
                </option>
              ))}
            </optgroup>
          ))}
      </select>
    </label>
  );
}

function Sending({ collateral }: { collateral: Collateral }) {
  const found = useFetched(`form ${collateral.ref}`, (signal) => ask<Form>(["collaterals", collateral.ref, "form"], {}, signal));
  const [round, setRound] = useState(0);
  if (found.error && !found.data) return <Trouble error={found.error} retry={found.reload} />;
  if (!found.data) return <Waiting what="the form" />;
  return <Payload key={round} collateral={collateral} form={found.data} onAgain={() => setRound(round + 1)} />;
}

interface PayloadProps {
  readonly collateral: Collateral;
  readonly form: Form;
  /** Begin anew, with another order. */
  readonly onAgain: () => void;
}

type Problems = ReadonlyMap<string, readonly string[]>;
const NO_PROBLEMS: Problems = new Map();

function Payload({ collateral, form, onAgain }: PayloadProps) {
  const root = isSchema(form.schema) ? form.schema : null;
  const [value, setValue] = useState<unknown>(() => withoutHidden(root ? beginning(root, root) : {}));
  const [text, setText] = useState<string | null>(() => (root ? null : written(value)));
  const [id, setId] = useState("");
  const [problems, setProblems] = useState<Problems>(NO_PROBLEMS);
  const [version, setVersion] = useState(0);
  const broken = useRef(new Map<string, string>());
  const sender = useSender();
  const order = useOrder(collateral.name);
  const change = (changed: unknown) => {
    setValue(changed);
    setProblems(NO_PROBLEMS);
  };
  const fill = (payload: unknown) => {
    const filled = withoutHidden(payload);
    change(filled);
    setVersion(version + 1);
    if (text !== null) setText(written(filled));
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    const read = text === null ? { value, problem: [...broken.current.values()][0] ?? null } : parsedJson(text);
    const wrong = read.problem !== null ? new Map([["$", [read.problem]]]) : await checked(collateral.name, read.value);
    setProblems(wrong);
    if (wrong.size === 0) sender.send(order(read.value, id));
  };
  if (sender.step === "sent") {
    return (
      <section class="card part" aria-label="What came of it">
        <Outcome orders={order(undefined, "")} onLeave={() => {}} />
        <p>
          <button type="button" onClick={onAgain}>
            Send another
          </button>
        </p>
      </section>
    );
  }
  return (
    <div class="stimulate">
      <form class="card part" aria-label={`Payload of ${collateral.name}`} onSubmit={submit} noValidate>
        {root && (
          <div class="segmented" role="group" aria-label="How to write it">
            <button type="button" aria-pressed={text === null} onClick={() => setText(null)}>
              Form
            </button>
            <button type="button" aria-pressed={text !== null} onClick={() => setText(text ?? written(value))}>
              JSON
            </button>
          </div>
        )}
        <ProblemList problems={problems} />
        {text !== null || root === null ? (
          <JsonEditor
            label={`Payload of ${collateral.name}`}
            text={text ?? ""}
            rows={16}
            onText={(changed) => {
              setText(changed);
              const { value: read, problem } = parsedJson(changed);
              if (problem === null) change(read);
            }}
          />
        ) : (
          <SchemaField
            key={version}
            form={{
              root,
              problems,
              onBroken: (path, problem) => void (problem === null ? broken.current.delete(path) : broken.current.set(path, `${path}: ${problem}`)),
            }}
            schema={root}
            label={collateral.name}
            path="$"
            value={value}
            isRequired
            depth={0}
            onValue={change}
          />
        )}
        <NewId value={id} onValue={setId} />
        {sender.error && (
          <p class="trouble" role="alert">
            {sender.error.message}
          </p>
        )}
        <p>
          <button type="submit" class="primary" aria-busy={sender.step !== "ready"}>
            {sender.step === "ready" ? "Send" : "Sending…"}
          </button>
        </p>
      </form>
      <Examples examples={form.examples} onExample={fill} />
    </div>
  );
}

/** Makes the order: one key for one content, so that what is sent twice is done once. */
function useOrder(collateral: string): (payload: unknown, id: string) => readonly Order[] {
  const last = useRef<{ content: string; order: Order } | null>(null);
  return (payload, id) => {
    const content = JSON.stringify([payload, id]);
    if (payload !== undefined && last.current?.content !== content) {
      const args = { collateral, payload, ...(id && { stimulation_id: id }) };
      last.current = { content, order: { key: newKey(), kind: "stimulate", stimulation_id: null, seen: null, arguments: args } };
    }
    return last.current ? [last.current.order] : [];
  };
}

async function checked(collateral: string, payload: unknown): Promise<Problems> {
  const hidden = hiddenIn(payload);
  if (hidden.length > 0) return new Map(hidden.map((path) => [path, ["What is not shown cannot be sent: write a value."]]));
  try {
    const found = (await problemsOf(collateral, payload)) ?? [];
    const wrong = new Map<string, string[]>();
    for (const { path, message } of found) wrong.set(path, [...(wrong.get(path) ?? []), message]);
    return wrong;
  } catch (error) {
    return new Map([["$", [(error as Error).message]]]);
  }
}

/** All that is wrong, also where no field is for it. */
function ProblemList({ problems }: { problems: Problems }) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (problems.size > 0) list.current!.focus();
  }, [problems]);
  if (problems.size === 0) return null;
  return (
    <div class="trouble problems" role="alert" tabIndex={-1} ref={list}>
      <p>It was not sent: {counted(problems.size, "thing is", "things are")} wrong.</p>
      <ul>
        {[...problems].map(([path, messages]) => (
          <li key={path}>
            <code>{path}</code> {messages.join(" ")}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Examples({ examples, onExample }: { examples: readonly Example[]; onExample: (payload: unknown) => void }) {
  return (
    <section class="examples" aria-label="Examples">
      <h2>From past runs</h2>
      {examples.length === 0 && <p class="dim">No run has begun with it yet.</p>}
      {examples.map((example) => (
        <div class="card example" key={example.ref}>
          <p>
            <a class="mono" href={href(["runs", example.ref])}>
              {example.stimulation_id}
            </a>
            <button type="button" class="small" onClick={() => onExample(example.payload)}>
              Take the payload<span class="sr-only"> of {example.stimulation_id}</span>
            </button>
          </p>
          <code class="example-text">{JSON.stringify(example.payload).slice(0, 160)}</code>
        </div>
      ))}
      {examples.some((example) => hiddenIn(example.payload).length > 0) && <p class="dim">What is redacted is left out, and has to be written.</p>}
    </section>
  );
}

function isSchema(schema: unknown): schema is Schema {
  return schema !== null && typeof schema === "object" && Object.keys(schema).length > 0;
}

function written(value: unknown): string {
  return JSON.stringify(value ?? null, null, 2);
}
