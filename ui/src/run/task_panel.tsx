/** One activation: its error, what it was given, what it emitted, and how it changed the contexts. */

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { asked } from "../actions/asked";
import { ask } from "../api/client";
import { useFetched } from "../api/fetched";
import { may } from "../api/meta";
import type { ContextChange, FrontierTaskDetail, SignalWithPayload, TaskDetail, Value } from "../api/types";
import { changed, href } from "../logic/address";
import { bytes, counted, duration, moment } from "../logic/format";
import { differences } from "../logic/json_rows";
import { refOf } from "../logic/refs";
import { Icon } from "../parts/icons";
import { JsonTree } from "../parts/json_tree";
import { onKey } from "../parts/keyboard";
import { adjust, place } from "../parts/place";
import { Copy, Fact, StatusPill, Trouble, Waiting } from "../parts/shown";
import { Traceback } from "../parts/traceback";
import { keyOf, type Story } from "./story";
import { TaskLog } from "./task_log";

type Detail = TaskDetail | FrontierTaskDetail;

function pathOf(runRef: string, key: string): string[] {
  const [attempt, ordinal] = key.split(".", 2) as [string, string];
  return attempt === "left" ? ["runs", runRef, "frontier", ordinal] : ["runs", runRef, "tasks", attempt, ordinal];
}

const close = () => adjust({ task: null });

export function TaskPanel({ runRef, taskKey, story }: { runRef: string; taskKey: string; story: Story }) {
  const path = pathOf(runRef, taskKey);
  const found = useFetched(`task ${path.join(" ")}`, (signal) => ask<Detail>(path, {}, signal));
  const [whole, setWhole] = useState<Detail | null>(null);
  const panel = useRef<HTMLElement>(null);
  useLayoutEffect(() => onKey("Escape", close), []);
  useEffect(() => {
    if (getComputedStyle(panel.current!).position === "fixed") panel.current!.focus();
  }, []);
  const loadWhole = async () => setWhole(await ask<Detail>(path, { full: "true" }));
  const task = whole ?? found.data;
  return (
    <aside class="panel card" ref={panel} tabIndex={-1} aria-label="Task" data-panel={taskKey}>
      <header>
        <div>
          <h2>{task ? task.neuron_name : "Task"}</h2>
          {task && <span class="dim">#{task.ordinal}</span>}
        </div>
        {may("fork") && task && "attempt_number" in task && (
          <button type="button" class="small" onClick={() => (asked.value = { what: "fork", run: story.run, task })}>
            Fork from here…
          </button>
        )}
        <button type="button" class="quiet" aria-label="Close the task" title="Close (Esc)" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {found.error && !task && <Trouble error={found.error} retry={found.reload} />}
      {!task && !found.error && <Waiting what="the task" />}
      {task && <Parts task={task} story={story} loadWhole={loadWhole} />}
    </aside>
  );
}

function Parts({ task, story, loadWhole }: { task: Detail; story: Story; loadWhole: () => Promise<void> }) {
  const settled = "attempt_number" in task ? task : null;
  return (
    <div class="panel-parts">
      <Facts task={task} story={story} />
      {task.error && <Traceback error={task.error} />}
      {settled && settled.logs.length > 0 && (
        <Part title="Log" note={counted(settled.logs.length, "line")}>
          <TaskLog lines={settled.logs} />
        </Part>
      )}
      <Part title="Input" note={task.input ? signalNote(task.input) : undefined}>
        {task.input ? <JsonTree value={task.input.payload} label="Input" loadWhole={loadWhole} /> : <p class="dim">It is not there any more.</p>}
      </Part>
      {settled?.outputs.map((signal) => (
        <Part key={signal.ordinal} title={`Output: ${signal.collateral_name}`} note={signalNote(signal)}>
          <JsonTree value={signal.payload} label={`Output ${signal.collateral_name}`} loadWhole={loadWhole} />
        </Part>
      ))}
      {settled && settled.outputs.length === 0 && settled.status === "done" && (
        <Part title="Output">
          <p class="dim">It emitted nothing.</p>
        </Part>
      )}
      {settled?.contexts.map((change) => (
        <Context key={change.neuron_name} change={change} loadWhole={loadWhole} />
      ))}
    </div>
  );
}

function signalNote(signal: SignalWithPayload): string {
  return `${signal.collateral_name}, version ${signal.version}, ${bytes(signal.bytes)}`;
}

function Facts({ task, story }: { task: Detail; story: Story }) {
  const settled = "attempt_number" in task ? task : null;
  const parent = task.parent === null ? null : story.tasks.findLast((one) => one.ordinal === task.parent);
  const children = [...story.tasks, ...story.left].filter((one) => one.parent === task.ordinal);
  const distinct = [...new Map(children.map((one) => [one.ordinal, one])).values()];
  return (
    <dl class="facts">
      <Fact name="Status">
        <StatusPill status={settled ? settled.status : task.status === "failed" ? "failed" : "outstanding"} />
      </Fact>
      <Fact name="Neuron">
        <a href={href(["neurons", refOf(task.neuron_name)])}>{task.neuron_name}</a>
      </Fact>
      {settled && (
        <>
          <Fact name="Attempt">{settled.attempt_number}</Fact>
          <Fact name="Started">{moment(settled.started_at)}</Fact>
          <Fact name="Ran">{duration(settled.duration)}</Fact>
          {settled.queued_at !== null && <Fact name="Waited">{duration(settled.started_at - settled.queued_at)}</Fact>}
        </>
      )}
      <Fact name="Came from">
        {parent ? <TaskLink of={parent} /> : task.parent === null ? "outside" : `#${task.parent}`}
      </Fact>
      {distinct.length > 0 && (
        <Fact name="Led to">
          <span class="links">
            {distinct.slice(0, 12).map((one) => (
              <TaskLink key={one.ordinal} of={one} />
            ))}
            {distinct.length > 12 && <span class="dim">and {distinct.length - 12} more</span>}
          </span>
        </Fact>
      )}
      <Fact name="Idempotency key">
        <span class="mono key-text">{task.activation_id}</span>
        <Copy text={task.activation_id} what="idempotency key" />
      </Fact>
    </dl>
  );
}

function TaskLink({ of }: { of: Parameters<typeof keyOf>[0] }) {
  return (
    <a href={changed(place.value, { task: keyOf(of) })}>
      {of.neuron_name} #{of.ordinal}
    </a>
  );
}

function Context({ change, loadWhole }: { change: ContextChange; loadWhole: () => Promise<void> }) {
  const title = `Context of ${change.neuron_name}`;
  if (!change.is_changed) {
    return change.after ? (
      <Part title={title} note="not changed">
        <JsonTree value={change.after} label={title} loadWhole={loadWhole} />
      </Part>
    ) : null;
  }
  const whatChanged = differences(change.before?.data, change.after?.data);
  return (
    <Part title={title} note="changed">
      {change.before && change.after && (
        <ul class="changes" aria-label={`Changes of ${change.neuron_name}`}>
          {whatChanged.map(({ path, before, after }) => (
            <li key={path}>
              <code>{path}</code> <del>{brief(before)}</del> <ins>{brief(after)}</ins>
            </li>
          ))}
        </ul>
      )}
      <Side name="Before" value={change.before} title={title} loadWhole={loadWhole} />
      <Side name="After" value={change.after} title={title} loadWhole={loadWhole} />
    </Part>
  );
}

function Side({ name, value, title, loadWhole }: { name: string; value: Value | null; title: string; loadWhole: () => Promise<void> }) {
  return (
    <div class="side">
      <h4>{name}</h4>
      {value ? <JsonTree value={value} label={`${title}, ${name.toLowerCase()}`} loadWhole={loadWhole} /> : <p class="dim">none</p>}
    </div>
  );
}

function brief(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function Part({ title, note, children }: { title: string; note?: string | undefined; children: ComponentChildren }) {
  return (
    <section class="part">
      <h3>
        {title} {note && <small>{note}</small>}
      </h3>
      {children}
    </section>
  );
}
