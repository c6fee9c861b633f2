/** All neurons in numbers. */

import { ask } from "../api/client";
import { useFetched } from "../api/fetched";
import type { Statistics } from "../api/types";
import { href } from "../logic/address";
import { count, counted, duration } from "../logic/format";
import { Empty, Trouble, Waiting } from "../parts/shown";
import { chosenWindow, WindowChoice } from "./window_choice";

export function NeuronsView() {
  const window = chosenWindow();
  const found = useFetched(`statistics ${window}`, (signal) => ask<Statistics>(["statistics"], { window }, signal));
  return (
    <>
      <div class="title">
        <h1>Neurons</h1>
        <WindowChoice />
      </div>
      {found.error && !found.data ? (
        <Trouble error={found.error} retry={found.reload} />
      ) : found.data ? (
        <Numbers found={found.data} />
      ) : (
        <Waiting what="the neurons" />
      )}
    </>
  );
}

function Numbers({ found }: { found: Statistics }) {
  if (found.neurons.length === 0) return <Empty title="No neurons have been seen" />;
  const slowest = Math.max(...found.neurons.map((one) => one.p95 ?? 0), 1e-9);
  return (
    <>
      <div class="card table-card">
        <table class="numbers" aria-label="Neurons">
          <thead>
            <tr>
              <th scope="col">Neuron</th>
              <th scope="col" class="number">
                Done
              </th>
              <th scope="col" class="number">
                Failed
              </th>
              <th scope="col" class="number">
                p50
              </th>
              <th scope="col" class="number">
                p95
              </th>
              <th scope="col" class="number optional">
                Longest
              </th>
              <th scope="col" class="optional">
                <span class="sr-only">p50 and p95 beside those of the others</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {found.neurons.map((one) => (
              <tr key={one.ref} data-neuron={one.name}>
                <td>
                  <a data-row href={href(["neurons", one.ref])}>
                    {one.name}
                  </a>
                </td>
                <td class="number">{count(one.done)}</td>
                <td class={`number ${one.failed > 0 ? "is-failed" : "dim"}`}>{count(one.failed)}</td>
                <td class="number">{seconds(one.p50)}</td>
                <td class="number">{seconds(one.p95)}</td>
                <td class="number optional">{seconds(one.longest)}</td>
                <td class="optional">
                  <svg class="meter" width="140" height="10" aria-hidden="true">
                    <rect class="p95" width={140 * ((one.p95 ?? 0) / slowest)} height="10" rx="3" />
                    <rect class="p50" width={140 * ((one.p50 ?? 0) / slowest)} height="10" rx="3" />
                  </svg>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <SampleNote sample={found.sample} />
    </>
  );
}

export function SampleNote({ sample }: { sample: Statistics["sample"] }) {
  return (
    <p class="dim">
      Of {counted(sample.tasks, "task")} of {counted(sample.runs, "run")} that were looked at
      {!sample.is_complete && "; there were more"}.
    </p>
  );
}

export function seconds(value: number | null): string {
  return value === null ? "–" : duration(value);
}
