/** One neuron: its contract, its numbers, its latest activations. */

import { ApiError, ask } from "../api/client";
import { useFetched } from "../api/fetched";
import type { CollateralDetail, Contract, NeuronDetail, NeuronStatisticsDetail, Place, RecentTask } from "../api/types";
import { href } from "../logic/address";
import { count, duration } from "../logic/format";
import { refOf } from "../logic/refs";
import { JsonTree } from "../parts/json_tree";
import { Ago, Empty, Fact, StatusPill, Trouble, Waiting } from "../parts/shown";
import { SampleNote, seconds } from "./neurons_view";
import { chosenWindow, WindowChoice } from "./window_choice";

export function NeuronView({ neuronRef }: { neuronRef: string }) {
  const window = chosenWindow();
  const neuron = useFetched(`neuron ${neuronRef}`, (signal) => ifThere(ask<NeuronDetail>(["neurons", neuronRef], {}, signal)));
  const numbers = useFetched(`neuron numbers ${neuronRef} ${window}`, (signal) =>
    ifThere(ask<NeuronStatisticsDetail>(["neurons", neuronRef, "statistics"], { window }, signal)),
  );
  const error = neuron.error ?? numbers.error;
  if (error && !neuron.data) return <Trouble error={error} retry={neuron.reload} />;
  if (!neuron.data || !numbers.data) return <Waiting what="the neuron" />;
  const [known, counted] = [neuron.data.found, numbers.data.found];
  const name = known?.name ?? counted?.name;
  if (name === undefined) return <Empty title="There is no such neuron" />;
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href={href(["neurons"])}>Neurons</a>
      </nav>
      <div class="title">
        <h1>{name}</h1>
        <a class="button" href={href(["graph"], { focus: name })}>
          In the graph
        </a>
        <a class="button" href={href(["runs"], { neuron: name })}>
          Its runs
        </a>
        <WindowChoice />
      </div>
      {counted && <Numbers numbers={counted} />}
      {known ? <ContractOf neuron={known} /> : <p class="notice">The graph was not given to these DevTools, so its contract is not known.</p>}
      {counted && <Recent tasks={counted.recent} />}
      {counted && <SampleNote sample={counted.sample} />}
    </>
  );
}

/** A graph that was only observed has no contracts; that is no trouble. */
async function ifThere<T>(answer: Promise<T>): Promise<{ found: T | null }> {
  try {
    return { found: await answer };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return { found: null };
    throw error;
  }
}

function Numbers({ numbers }: { numbers: NeuronStatisticsDetail }) {
  return (
    <dl class="cards">
      <Card name="Done" value={count(numbers.done)} />
      <Card name="Failed" value={count(numbers.failed)} isBad={numbers.failed > 0} />
      <Card name="p50" value={seconds(numbers.p50)} />
      <Card name="p95" value={seconds(numbers.p95)} />
      <Card name="Longest" value={seconds(numbers.longest)} />
    </dl>
  );
}

export function Card({ name, value, note, isBad = false }: { name: string; value: string; note?: string; isBad?: boolean }) {
  return (
    <div class={`card number-card ${isBad ? "is-bad" : ""}`}>
      <dt>{name}</dt>
      <dd>
        {value}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

function ContractOf({ neuron }: { neuron: NeuronDetail }) {
  const doc = neuron.doc;
  return (
    <section class="card part" aria-label="Contract">
      <h2>Contract</h2>
      {doc && <p class="doc">{doc}</p>}
      <dl class="facts">
        {neuron.axon && (
          <Fact name="Axon">
            <SourceOf place={neuron.axon} />
          </Fact>
        )}
        <Fact name="At once">{neuron.concurrency ?? "no limit"}</Fact>
        <Fact name="Longest">{neuron.max_duration === null ? "no limit" : duration(neuron.max_duration)}</Fact>
        {!neuron.is_registered && <Fact name="Registered">no: it has no stable name</Fact>}
      </dl>
      <h3>Listens on</h3>
      {neuron.dendrites.length === 0 && <p class="dim">Nothing.</p>}
      {neuron.dendrites.map((dendrite) => (
        <div class="dendrite" key={`${dendrite.collateral_name} ${dendrite.index}`}>
          <p>
            <b>{dendrite.collateral_name}</b> <SourceOf place={dendrite.handler} />
            {dendrite.mode !== "sync" && <span class="tag">{dendrite.mode}</span>}
            {dendrite.is_transactional && <span class="tag">transaction</span>}
            {dendrite.modalities.map((modality) => (
              <span class="tag" key={modality}>
                modality {modality}
              </span>
            ))}
          </p>
          {dendrite.handler?.doc && <p class="doc">{dendrite.handler.doc}</p>}
          <CollateralContract name={dendrite.collateral_name} />
        </div>
      ))}
      <h3>Emits</h3>
      {neuron.emits.length === 0 && <p class="dim">Nothing.</p>}
      {neuron.emits.map((name) => (
        <div class="dendrite" key={name}>
          <p>
            <b>{name}</b>
          </p>
          <CollateralContract name={name} />
        </div>
      ))}
      {neuron.context && (
        <>
          <h3>Context</h3>
          <Schema contract={neuron.context} label="Context" />
        </>
      )}
    </section>
  );
}

function CollateralContract({ name }: { name: string }) {
  const found = useFetched(`collateral ${name}`, (signal) => ifThere(ask<CollateralDetail>(["collaterals", refOf(name)], {}, signal)));
  const contract = found.data?.found?.contract;
  return contract ? <Schema contract={contract} label={name} /> : null;
}

/** What a payload is like: its fields if it has some, and the whole schema for those who want it. */
function Schema({ contract, label }: { contract: Contract; label: string }) {
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

type SchemaObject = Readonly<Record<string, unknown>>;

function fieldsOf(schema: unknown): Field[] {
  const root = schema as SchemaObject;
  const resolved = resolve(root, root);
  const properties = resolved.properties as Readonly<Record<string, SchemaObject>> | undefined;
  const required = (resolved.required ?? []) as readonly string[];
  return Object.entries(properties ?? {}).map(([name, value]) => ({ name, type: typeOf(value), isRequired: required.includes(name) }));
}

function resolve(schema: SchemaObject, root: SchemaObject): SchemaObject {
  const ref = schema.$ref;
  if (typeof ref !== "string") return schema;
  return (root.$defs as Readonly<Record<string, SchemaObject>> | undefined)?.[ref.split("/").at(-1)!] ?? schema;
}

function typeOf(schema: SchemaObject): string {
  if (typeof schema.$ref === "string") return schema.$ref.split("/").at(-1)!;
  if (Array.isArray(schema.anyOf)) return schema.anyOf.map((one) => typeOf(one as SchemaObject)).join(" or ");
  if (Array.isArray(schema.enum)) return schema.enum.map(String).join(" or ");
  if (schema.type === "array") return `list of ${typeOf((schema.items ?? {}) as SchemaObject)}`;
  return String(schema.format ?? schema.type ?? "anything");
}

function SourceOf({ place }: { place: Place | null }) {
  if (!place) return null;
  return (
    <code class="source" title={place.file ?? place.module}>
      {place.name}
      <At place={place} />
    </code>
  );
}

function At({ place }: { place: Place }) {
  if (place.file === null) return null;
  return (
    <code class="source dim" title={`${place.file}:${place.line}`}>
      {" "}
      {place.file.split("/").slice(-2).join("/")}:{place.line}{" "}
    </code>
  );
}

function Recent({ tasks }: { tasks: readonly RecentTask[] }) {
  return (
    <section aria-label="Latest tasks">
      <h2>Latest tasks</h2>
      {tasks.length === 0 ? (
        <p class="dim">None in this time.</p>
      ) : (
        <div class="card table-card">
          <table class="numbers" aria-label="Latest tasks">
            <thead>
              <tr>
                <th scope="col">Status</th>
                <th scope="col">Run</th>
                <th scope="col">Started</th>
                <th scope="col" class="number">
                  Ran
                </th>
                <th scope="col" class="optional">
                  Error
                </th>
              </tr>
            </thead>
            <tbody>
              {tasks.map(({ run, task }) => (
                <tr key={`${run.ref} ${task.attempt_number} ${task.ordinal}`}>
                  <td>
                    <StatusPill status={task.status} />
                  </td>
                  <td>
                    <a class="mono run-link" data-row href={href(["runs", run.ref], { task: `${task.attempt_number}.${task.ordinal}` })}>
                      {run.stimulation_id}
                    </a>{" "}
                    <span class="dim">#{task.ordinal}</span>
                  </td>
                  <td>
                    <Ago at={task.started_at} />
                  </td>
                  <td class="number">{duration(task.duration)}</td>
                  <td class="optional">
                    {task.error && (
                      <span class="row-error">
                        <b>{task.error.type_name}</b> {task.error.message}
                      </span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
