/** When what ran, and what it waited for: one row for each activation, on an axis without the idle times. */

import { useMemo } from "preact/hooks";
import type { FrontierTask, Task } from "../api/types";
import { changed } from "../logic/address";
import { axisOf, type Axis } from "../logic/folding";
import { duration } from "../logic/format";
import { ancestry } from "../logic/progress";
import { place } from "../parts/place";
import { Rows } from "../parts/rows";
import { Empty, Key } from "../parts/shown";
import { keyOf } from "./story";

interface TimelineProps {
  readonly tasks: readonly Task[];
  readonly left: readonly FrontierTask[];
  readonly selected: string | null;
  readonly isRunning: boolean;
}

const HEIGHT = 30;

export function Timeline({ tasks, left, selected, isRunning }: TimelineProps) {
  const sorted = useMemo(() => [...tasks].sort((a, b) => a.started_at - b.started_at || a.ordinal - b.ordinal), [tasks]);
  const axis = useMemo(() => axisOf(sorted.map((task) => ({ start: task.started_at, end: task.started_at + task.duration }))), [sorted]);
  const rows: readonly (Task | FrontierTask)[] = useMemo(() => [...sorted, ...left], [sorted, left]);
  const chosen = rows.findIndex((task) => keyOf(task) === selected);
  const line = useMemo(() => (chosen < 0 ? null : ancestry(rows, rows[chosen]!.ordinal)), [rows, chosen]);
  if (rows.length === 0) return <Empty title={isRunning ? "Nothing has settled yet" : "There is no history of this run"} />;
  return (
    <div class="timeline card">
      {sorted.length > 0 && <AxisRow axis={axis} />}
      <Rows
        items={rows}
        height={HEIGHT}
        most={HEIGHT * 18}
        role="list"
        label="Timeline"
        shown={chosen < 0 ? undefined : chosen}
        render={(task) => (
          <div role="listitem" key={keyOf(task)}>
            <TimelineRow task={task} axis={axis} isSelected={keyOf(task) === selected} isInLine={line?.has(task.ordinal) ?? false} />
          </div>
        )}
      />
      <Legend hasFolds={axis.folds.length > 0} />
    </div>
  );
}

function AxisRow({ axis }: { axis: Axis }) {
  // Long after the start, moments that are near each other read the same.
  const labels = axis.ticks.map(({ seconds }) => (seconds === 0 ? "0" : `+${duration(seconds)}`));
  return (
    <div class="time-row time-axis" aria-hidden="true">
      <span />
      <svg class="time-bars" height={24}>
        {axis.ticks.map(({ at }, index) => (
          <g key={at} class="tick">
            <line x1={percent(at)} x2={percent(at)} y1={18} y2={24} />
            <text x={percent(at)} y={12} class={at < 0.02 ? "is-first" : ""}>
              {labels[index] === labels[index - 1] ? "" : labels[index]}
            </text>
          </g>
        ))}
        {axis.folds.map((fold) => (
          <g key={fold.at} class="fold-label">
            <text x={percent(fold.at + fold.width / 2)} y={12}>
              ⋯
              <title>{`nothing ran for ${duration(fold.end - fold.start)}`}</title>
            </text>
          </g>
        ))}
      </svg>
    </div>
  );
}

function TimelineRow({ task, axis, isSelected, isInLine }: { task: Task | FrontierTask; axis: Axis; isSelected: boolean; isInLine: boolean }) {
  const isSettled = "attempt_number" in task;
  const status = isSettled ? task.status : task.status === "failed" ? "failed" : "outstanding";
  const spoken = isSettled
    ? `attempt ${task.attempt_number}, ${task.status} after ${duration(task.duration)}`
    : task.status === "failed"
      ? "left, failed"
      : "left";
  return (
    <a
      class={`time-row is-${status} ${isSettled ? "" : "is-still-left"} ${isSelected ? "is-selected" : ""} ${isInLine ? "is-in-line" : ""}`}
      data-row
      data-task={keyOf(task)}
      href={changed(place.value, { task: keyOf(task) })}
      aria-current={isSelected ? "true" : undefined}
    >
      <span class="time-name">
        <b>{task.neuron_name}</b>
        <small>#{task.ordinal}</small>
        <span class="sr-only">{spoken}</span>
      </span>
      <svg class="time-bars" height={HEIGHT} aria-hidden="true">
        {axis.folds.map((fold) => (
          <rect key={fold.at} class="fold" x={percent(fold.at)} width={percent(fold.width)} y={0} height={HEIGHT} />
        ))}
        {isSettled ? <Bars task={task} axis={axis} /> : <Left />}
      </svg>
    </a>
  );
}

function Bars({ task, axis }: { task: Task; axis: Axis }) {
  const from = axis.place(task.started_at);
  const to = axis.place(task.started_at + task.duration);
  const queued = task.queued_at === null ? from : axis.place(Math.max(axis.start, task.queued_at));
  const isLate = to > 0.88;
  return (
    <>
      {queued < from && <rect class="wait" x={percent(queued)} width={percent(from - queued)} y={13} height={4} rx={2} />}
      <rect class="bar" x={percent(Math.min(from, 0.996))} width={percent(Math.max(to - from, 0.004))} y={7} height={16} rx={4} />
      <text class={isLate ? "is-late" : ""} x={percent(isLate ? from : to)} dx={isLate ? -6 : 6} y={15.5}>
        {duration(task.duration)}
      </text>
    </>
  );
}

function Left() {
  return (
    <>
      <rect class="bar" x="96%" width="3%" y={7} height={16} rx={4} />
      <text class="is-late" x="96%" dx={-6} y={15.5}>
        left
      </text>
    </>
  );
}

function Legend({ hasFolds }: { hasFolds: boolean }) {
  return (
    <p class="legend">
      <Key of="wait" label="waited" />
      <Key of="done" label="ran" />
      <Key of="failed" label="failed" />
      <Key of="outstanding" label="left" />
      {hasFolds && <Key of="fold" label="nothing ran, folded" />}
    </p>
  );
}

function percent(share: number): string {
  return `${(share * 100).toFixed(3)}%`;
}
