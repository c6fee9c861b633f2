/** A run over its graph: what is done, what failed, what is left; step by step if wanted. */

import { useMemo, useState } from "preact/hooks";
import { ask } from "../api/client";
import { useFetched } from "../api/fetched";
import type { Graph } from "../api/types";
import { Canvas } from "../graph/canvas";
import { count, counted } from "../logic/format";
import { progressAt } from "../logic/progress";
import { MANY, only, topologyOf, type Topology } from "../logic/topology";
import { adjust } from "../parts/place";
import { Trouble, Waiting } from "../parts/shown";
import { keyOf, type Story } from "./story";

export function RunGraph({ story, selected }: { story: Story; selected: string | null }) {
  const graph = useFetched("graph", (signal) => ask<Graph>(["graph"], {}, signal));
  const [step, setStep] = useState<number | null>(null);
  const { tasks, left } = story;
  const at = step === null ? tasks.length : Math.min(step, tasks.length);
  const progress = useMemo(() => progressAt(tasks, left, at), [tasks, left, at]);
  const whole = useMemo(() => withStrangers(graph.data, story), [graph.data, story]);
  const isLarge = whole.boxes.length > MANY;
  const topology = useMemo(() => (isLarge ? reached(whole, story) : whole), [whole, isLarge, story]);
  if (graph.error && !graph.data) return <Trouble error={graph.error} retry={graph.reload} />;
  if (!graph.data) return <Waiting what="the graph" />;
  const settled = at > 0 ? tasks[at - 1] : undefined;
  const open = (name: string) => {
    const all = [...tasks.slice(0, at), ...(at === tasks.length ? left : [])].filter((task) => task.neuron_name === name);
    const chosen = all.find((task) => task.status === "failed") ?? all.at(-1);
    if (chosen) adjust({ task: keyOf(chosen) });
  };
  const chosen = [...tasks, ...left].find((task) => keyOf(task) === selected);
  return (
    <div class="card run-graph">
      {isLarge && <p class="notice">This graph is large: what the run has not reached is left out.</p>}
      <Canvas topology={topology} label="The run over its graph" progress={progress} selected={chosen?.neuron_name} onNeuron={open} />
      {tasks.length > 0 && (
        <div class="replay">
          <label>
            <span>Replay</span>
            <input
              type="range"
              min={0}
              max={tasks.length}
              value={at}
              onInput={(event) => setStep(Number(event.currentTarget.value) === tasks.length ? null : Number(event.currentTarget.value))}
            />
          </label>
          <output>
            {count(at)} of {counted(tasks.length, "task")}
            {settled && at < tasks.length && (
              <>
                : <b>{settled.neuron_name}</b> {settled.status}
              </>
            )}
            {progress.frontier.length > 0 && <span class="dim"> · {progress.frontier.length} left</span>}
          </output>
        </div>
      )}
    </div>
  );
}

function reached(topology: Topology, { run, tasks, left }: Story): Topology {
  const names = new Set([...tasks, ...left].map((task) => task.neuron_name));
  return only(topology, ({ kind, label }) => (kind === "neuron" ? names.has(label) : kind === "entry" && run.entry.includes(label)));
}

/** The graph with what the run has seen and the graph does not have: it may be of another version of the code. */
function withStrangers(graph: Graph | null, story: Story): Topology {
  const known = topologyOf(graph ?? { neurons: [], edges: [] });
  const names = new Set(known.boxes.filter((box) => box.kind === "neuron").map((box) => box.label));
  const all = [...story.tasks, ...story.left];
  const strangers = all.filter((task) => !names.has(task.neuron_name));
  if (strangers.length === 0) return known;
  const nameOf = new Map(all.map((task) => [task.ordinal, task.neuron_name]));
  const edges = strangers.map((task) => ({
    source: task.parent === null ? null : (nameOf.get(task.parent) ?? null),
    collateral: task.collateral_name,
    target: task.neuron_name,
    dendrite_index: task.dendrite_index,
  }));
  return topologyOf({ neurons: graph?.neurons ?? [], edges: [...(graph?.edges ?? []), ...edges] });
}
