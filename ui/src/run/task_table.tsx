/** The activations of a run as a table. */

import { useMemo } from "preact/hooks";
import type { FrontierTask, Task } from "../api/types";
import { changed } from "../logic/address";
import { bytes, duration } from "../logic/format";
import { place } from "../parts/place";
import { Rows } from "../parts/rows";
import { Empty, StatusPill } from "../parts/shown";
import { keyOf } from "./story";

interface TaskTableProps {
  readonly tasks: readonly Task[];
  readonly left: readonly FrontierTask[];
  readonly selected: string | null;
}

const HEIGHT = 38;
const COLUMNS = ["#", "Neuron", "Status", "Input", "Attempt", "Waited", "Ran", "Emitted"];

export function TaskTable({ tasks, left, selected }: TaskTableProps) {
  const rows: readonly (Task | FrontierTask)[] = useMemo(() => [...tasks, ...left], [tasks, left]);
  if (rows.length === 0) return <Empty title="Nothing has settled yet" />;
  return (
    <div class="task-table card" role="table" aria-label="Tasks" aria-rowcount={rows.length + 1}>
      <div role="rowgroup">
        <div role="row" class="task-row task-head">
          {COLUMNS.map((column) => (
            <span role="columnheader" key={column} data-column={column}>
              {column}
            </span>
          ))}
        </div>
      </div>
      <Rows
        items={rows}
        height={HEIGHT}
        most={HEIGHT * 15}
        role="rowgroup"
        shown={rows.findIndex((task) => keyOf(task) === selected)}
        render={(task, index) => <TaskRow key={keyOf(task)} task={task} index={index} isSelected={keyOf(task) === selected} />}
      />
    </div>
  );
}

function TaskRow({ task, index, isSelected }: { task: Task | FrontierTask; index: number; isSelected: boolean }) {
  const settled = "attempt_number" in task ? task : null;
  const waited = settled && settled.queued_at !== null ? duration(settled.started_at - settled.queued_at) : "–";
  const emitted = settled ? settled.outputs.map((signal) => signal.collateral_name).join(", ") : "";
  return (
    <div role="row" class={`task-row ${isSelected ? "is-selected" : ""}`} aria-rowindex={index + 2}>
      <span role="cell" class="mono dim" data-column="#">
        {task.ordinal}
      </span>
      <span role="cell" data-column="Neuron">
        <a data-row data-task={keyOf(task)} href={changed(place.value, { task: keyOf(task) })}>
          {task.neuron_name}
        </a>
      </span>
      <span role="cell" data-column="Status">
        <StatusPill status={settled ? settled.status : task.status === "failed" ? "failed" : "outstanding"} />
      </span>
      <span role="cell" data-column="Input">
        {task.collateral_name}
        {task.input && <small class="dim"> {bytes(task.input.bytes)}</small>}
      </span>
      <span role="cell" data-column="Attempt">
        {settled ? settled.attempt_number : "–"}
      </span>
      <span role="cell" data-column="Waited">
        {waited}
      </span>
      <span role="cell" data-column="Ran">
        {settled ? duration(settled.duration) : "–"}
      </span>
      <span role="cell" data-column="Emitted" class="dim">
        {emitted || "–"}
      </span>
    </div>
  );
}
