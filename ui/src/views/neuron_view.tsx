/** One neuron: its contract, its numbers, its latest activations. */

import { ApiError, ask } from "../api/client";
import { useFetched } from "../api/fetched";
import type { CollateralDetail, NeuronDetail, NeuronStatisticsDetail, Place, RecentTask } from "../api/types";
import { href } from "../logic/address";
import { count, duration } from "../logic/format";
import { refOf } from "../logic/refs";
import { At, Schema } from "../parts/schema";
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

function SourceOf({ place }: { place: Place | null }) {
  if (!place) return null;
  return (
    <code class="source" title={place.file ?? place.module}>
      {place.name}
      <At place={place} />
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
