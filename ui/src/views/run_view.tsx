/** One run: what happened, where it failed, and what is left of it. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { CommandTable } from "../actions/command_table";
import { RunActions } from "../actions/run_actions";
import { UnderWay } from "../actions/under_way";
import { ApiError, ask } from "../api/client";
import { listen } from "../api/feed";
import { useFetched } from "../api/fetched";
import type { Lineage, RunDetail, RunLink } from "../api/types";
import { changed, href } from "../logic/address";
import { count, moment } from "../logic/format";
import { JsonTree } from "../parts/json_tree";
import { onKey } from "../parts/keyboard";
import { adjust, place } from "../parts/place";
import { Ago, Copy, Empty, Fact, Lasting, StatusPill, Trouble, Waiting } from "../parts/shown";
import { Traceback } from "../parts/traceback";
import { RunGraph } from "../run/run_graph";
import { firstFailure, keyOf, loadStory, type Story } from "../run/story";
import { TaskPanel } from "../run/task_panel";
import { TaskTable } from "../run/task_table";
import { Timeline } from "../run/timeline";
import { RunTable } from "./runs_view";

const VIEWS = ["timeline", "graph", "tasks", "details", "lineage", "actions"] as const;
/** More attempts are chosen from a list. */
const MANY_ATTEMPTS = 5;
type ViewName = (typeof VIEWS)[number];

export function RunView({ runRef }: { runRef: string }) {
  const story = useFetched<Story>(`run ${runRef}`, (signal, known) => loadStory(runRef, known, signal));
  useEffect(() => {
    const stops = [
      listen("run", (run) => run.ref === runRef && story.reload()),
      listen("gone", (run) => run.ref === runRef && story.reload()),
    ];
    return () => stops.forEach((stop) => stop());
  }, [runRef]);
  if (story.error instanceof ApiError && story.error.status === 404) {
    return (
      <Empty title="There is no such run">
        <p>
          It was deleted, or its time was over. <a href={href(["runs"])}>Go to the runs</a>
        </p>
      </Empty>
    );
  }
  if (story.error && !story.data) return <Trouble error={story.error} retry={story.reload} />;
  if (!story.data) return <Waiting what="the run" />;
  return <Told story={story.data} runRef={runRef} />;
}

function Told({ story, runRef }: { story: Story; runRef: string }) {
  const query = place.value.query;
  const task = query.get("task");
  const failure = firstFailure(story);
  const showFailure = useRef(() => {});
  showFailure.current = () => failure && adjust({ task: keyOf(failure) });
  useLayoutEffect(() => onKey("f", () => showFailure.current()), []);
  return (
    <>
      <Head run={story.run} />
      <UnderWay runRef={runRef} />
      <WhatFailed story={story} failure={failure} isShown={failure !== null && task === keyOf(failure)} />
      <div class={`run-body ${task ? "has-panel" : ""}`}>
        <div class="run-main">
          <Choices story={story} />
          {story.trouble && <p class="notice">{story.trouble}</p>}
          {story.run.volume === "progress" && <p class="notice">This run keeps no history: only what is left of it is stored.</p>}
          <Chosen story={story} runRef={runRef} task={task} />
        </div>
        {task && <TaskPanel key={task} runRef={runRef} taskKey={task} story={story} />}
      </div>
    </>
  );
}

function Head({ run }: { run: RunDetail }) {
  return (
    <div class="run-head">
      <nav class="crumbs" aria-label="Where this is">
        <a href={href(["runs"])}>Runs</a>
        <span aria-hidden="true">/</span>
        <span>{run.entry.join(", ")}</span>
      </nav>
      <div class="title">
        <h1 class="mono">{run.stimulation_id}</h1>
        <Copy text={run.stimulation_id} what="id" />
        <StatusPill status={run.status} />
        <RunActions run={run} />
      </div>
      <dl class="facts strip">
        <Fact name="Started">
          <Ago at={run.created_at} />
        </Fact>
        <Fact name={run.ended_at === null ? "Since" : "Duration"}>
          <Lasting from={run.created_at} to={run.ended_at} />
        </Fact>
        <Fact name="Attempts">{run.attempt_number}</Fact>
        <Fact name="Settled">{count(run.hop_count)}</Fact>
        <Fact name="Left">
          <span class={run.outstanding > 0 ? "is-some" : ""}>{count(run.outstanding)}</span>
        </Fact>
        {run.owner && <Fact name="Owner">{run.owner}</Fact>}
        <Origin name="Clone of" link={run.clone_of} />
        <Origin name="Forked from" link={run.forked_from} task={run.forked_task} />
        {run.abort_requested !== null && <Fact name="Abort asked for">{run.abort_requested || "yes"}</Fact>}
      </dl>
    </div>
  );
}

function Origin({ name, link, task }: { name: string; link: RunLink | null; task?: number | null }) {
  if (!link) return null;
  return (
    <Fact name={name}>
      <a class="mono" href={href(["runs", link.ref])}>
        {link.stimulation_id}
      </a>
      {task !== null && task !== undefined && <span class="dim"> at #{task}</span>}
    </Fact>
  );
}

function WhatFailed({ story, failure, isShown }: { story: Story; failure: ReturnType<typeof firstFailure>; isShown: boolean }) {
  if (story.run.status === "completed" || failure === null || failure.error === null) return null;
  return (
    <section class="failure" aria-label="First failure">
      <div>
        <p class="failure-where">
          <b>{failure.neuron_name}</b> failed on {failure.collateral_name} #{failure.ordinal}
        </p>
        <p class="failure-why">
          <b>{failure.error.type_name}</b> {failure.error.message}
        </p>
      </div>
      {!isShown && (
        <button type="button" class="primary is-danger" onClick={() => adjust({ task: keyOf(failure) })}>
          Show it <kbd>f</kbd>
        </button>
      )}
    </section>
  );
}

function Choices({ story }: { story: Story }) {
  const { query } = place.value;
  const view = query.get("view") ?? "timeline";
  const attempt = query.get("attempt");
  return (
    <div class="choices">
      <nav class="tabs" aria-label="Views of the run">
        {VIEWS.map((name) => (
          <a key={name} href={changed(place.value, { view: name === "timeline" ? null : name, cursor: null })} aria-current={view === name ? "page" : undefined}>
            {name.charAt(0).toUpperCase() + name.slice(1)}
          </a>
        ))}
      </nav>
      {story.attempts.length > MANY_ATTEMPTS && <AttemptChoice story={story} attempt={attempt} />}
      {story.attempts.length > 1 && story.attempts.length <= MANY_ATTEMPTS && (
        <nav class="tabs attempts" aria-label="Attempts">
          <a href={changed(place.value, { attempt: null })} aria-current={attempt === null ? "page" : undefined}>
            All
          </a>
          {story.attempts.map((one) => (
            <a
              key={one.attempt_number}
              href={changed(place.value, { attempt: one.attempt_number })}
              aria-current={attempt === String(one.attempt_number) ? "page" : undefined}
              title={`${one.status}, ${moment(one.started_at)}, ${one.worker_id}`}
            >
              <span class={`dot is-${one.status}`} />#{one.attempt_number} <small>{one.status}</small>
            </a>
          ))}
        </nav>
      )}
    </div>
  );
}

function AttemptChoice({ story, attempt }: { story: Story; attempt: string | null }) {
  return (
    <label class="attempt-choice">
      <span>Attempt</span>
      <select value={attempt ?? ""} onChange={(event) => adjust({ attempt: event.currentTarget.value })}>
        <option value="">all {story.attempts.length}</option>
        {story.attempts.toReversed().map((one) => (
          <option key={one.attempt_number} value={String(one.attempt_number)}>
            #{one.attempt_number} {one.status}
          </option>
        ))}
      </select>
    </label>
  );
}

function Chosen({ story, runRef, task }: { story: Story; runRef: string; task: string | null }) {
  const { query } = place.value;
  const view = (query.get("view") ?? "timeline") as ViewName;
  const attempt = query.get("attempt");
  const latest = String(story.run.attempt_number);
  const tasks = attempt === null ? story.tasks : story.tasks.filter((one) => String(one.attempt_number) === attempt);
  const left = attempt === null || attempt === latest ? story.left : [];
  const isOpen = story.run.ended_at === null;
  switch (view) {
    case "graph":
      return <RunGraph story={attempt === null ? story : { ...story, tasks, left }} selected={task} />;
    case "tasks":
      return <TaskTable tasks={tasks} left={left} selected={task} />;
    case "details":
      return <Details story={story} runRef={runRef} />;
    case "lineage":
      return <Relatives runRef={runRef} />;
    case "actions":
      return <CommandTable run={runRef} />;
    default:
      return <Timeline tasks={tasks} left={left} selected={task} isRunning={isOpen} />;
  }
}

function Details({ story, runRef }: { story: Story; runRef: string }) {
  const whole = useFetched<RunDetail>(place.value.query.has("full") ? `whole ${runRef}` : null, (signal) =>
    ask<RunDetail>(["runs", runRef], { full: "true" }, signal),
  );
  const run = whole.data ?? story.run;
  const loadWhole = async () => adjust({ full: 1 }, { replace: true });
  return (
    <div class="details">
      {run.error && <Traceback error={run.error} />}
      {run.entry_signals.map((signal) => (
        <section class="part card" key={signal.ordinal}>
          <h3>
            Entry: {signal.collateral_name} <small>version {signal.version}</small>
          </h3>
          <JsonTree value={signal.payload} label={`Entry ${signal.collateral_name}`} loadWhole={loadWhole} />
        </section>
      ))}
      <section class="part card">
        <h3>Metadata</h3>
        <JsonTree value={run.metadata} label="Metadata" loadWhole={loadWhole} />
      </section>
      <section class="part card">
        <h3>How it runs</h3>
        <dl class="facts">
          <Fact name="Created">{moment(run.created_at)}</Fact>
          <Fact name="Updated">{moment(run.updated_at)}</Fact>
          {run.ended_at !== null && <Fact name="Ended">{moment(run.ended_at)}</Fact>}
          {run.due_at !== null && <Fact name="Due">{moment(run.due_at)}</Fact>}
          <Fact name="Durability">{run.durability}</Fact>
          <Fact name="Volume">{run.volume}</Fact>
          <Fact name="Priority">{run.priority}</Fact>
          <Fact name="Recoveries">{run.recoveries}</Fact>
          <Fact name="Starts">{run.starts}</Fact>
          <Fact name="Fence">{run.fence}</Fact>
          <Fact name="Scope">{run.scope || "–"}</Fact>
          <Fact name="Concurrency">{run.concurrency ?? "no limit"}</Fact>
          <Fact name="Hops of a neuron">{run.max_neuron_hops ?? "no limit"}</Fact>
          {run.modality !== null && <Fact name="Modality">{run.modality}</Fact>}
          {run.afferent_path !== null && <Fact name="Afferent path">{run.afferent_path}</Fact>}
        </dl>
      </section>
      <Attempts story={story} />
    </div>
  );
}

function Attempts({ story }: { story: Story }) {
  return (
    <section class="part card">
      <h3>Attempts</h3>
      {story.attempts.length === 0 && <p class="dim">None has started yet.</p>}
      {story.attempts.map((attempt) => (
        <div key={attempt.attempt_number} class="attempt">
          <dl class="facts strip">
            <Fact name="Attempt">#{attempt.attempt_number}</Fact>
            <Fact name="Status">
              <StatusPill status={attempt.status} />
            </Fact>
            <Fact name="Started">{moment(attempt.started_at)}</Fact>
            <Fact name="Duration">
              <Lasting from={attempt.started_at} to={attempt.ended_at} />
            </Fact>
            <Fact name="Settled">{count(attempt.hop_count)}</Fact>
            <Fact name="Worker">{attempt.worker_id}</Fact>
          </dl>
        </div>
      ))}
    </section>
  );
}

function Relatives({ runRef }: { runRef: string }) {
  const lineage = useFetched(`lineage ${runRef}`, (signal) => ask<Lineage>(["runs", runRef, "lineage"], {}, signal));
  useEffect(() => listen("run", (run) => (run.clone_of?.ref === runRef || run.forked_from?.ref === runRef) && lineage.reload()), [runRef]);
  if (lineage.error && !lineage.data) return <Trouble error={lineage.error} retry={lineage.reload} />;
  if (!lineage.data) return <Waiting what="the lineage" />;
  const { parents, children, is_complete } = lineage.data;
  return (
    <div class="lineage">
      <section>
        <h3>Comes from</h3>
        {parents.length > 0 ? <RunTable runs={parents} label="Runs that it comes from" /> : <p class="dim">No other run: it was started on its own.</p>}
      </section>
      <section>
        <h3>Clones and forks of it</h3>
        {children.length > 0 ? <RunTable runs={children} label="Clones and forks" /> : <p class="dim">None.</p>}
        {!is_complete && <p class="dim">There are later runs that were not looked at.</p>}
      </section>
    </div>
  );
}
