/** The runs: found by filters that are kept in the address, and moving while they are looked at. */

import { useEffect, useRef, useState } from "preact/hooks";
import { Pick, PickPage, SelectionBar, useSelection, type Selection } from "../actions/selection";
import { ApiError, ask } from "../api/client";
import { listen } from "../api/feed";
import { useFetched } from "../api/fetched";
import { may } from "../api/meta";
import type { BriefError, Collaterals, Graph, Health, Run, RunCounts, RunPage, RunStatus } from "../api/types";
import { href } from "../logic/address";
import { filterOf, filtersIn, matches, paramsOf, queryOf, STATUSES, type RunFilter } from "../logic/filter";
import { count, counted, moment, nameAndRest } from "../logic/format";
import { Icon } from "../parts/icons";
import { adjust, go, place } from "../parts/place";
import { Ago, Empty, Lasting, StatusPill, Trouble, Waiting } from "../parts/shown";

const PAGE = 50;
/** Rows above which the list is fetched anew, so that it does not grow for as long as it is looked at. */
const MOST_ROWS = 200;

export function RunsView() {
  const filter = filterOf(place.value.query);
  const cursor = place.value.query.get("cursor");
  return (
    <>
      <div class="title">
        <h1>Runs</h1>
        <StatusFilter filter={filter} />
      </div>
      <FilterBar filter={filter} />
      <RunList filter={filter} cursor={cursor} />
    </>
  );
}

function setFilter(filter: RunFilter, options: { replace?: boolean } = {}): void {
  go(href(["runs"], queryOf(filter)), options);
}

function StatusFilter({ filter }: { filter: RunFilter }) {
  const health = useFetched("counts", (signal) => ask<Health>(["health"], {}, signal));
  const [counts, setCounts] = useState<RunCounts | null>(null);
  useEffect(() => listen("stats", (news) => setCounts(news.runs)), []);
  useEffect(() => setCounts(health.data?.runs ?? null), [health.data]);
  const toggle = (status: RunStatus) => {
    const isOn = filter.statuses.includes(status);
    setFilter({ ...filter, statuses: isOn ? filter.statuses.filter((one) => one !== status) : [...filter.statuses, status] });
  };
  return (
    <div class="statuses" role="group" aria-label="Status">
      {STATUSES.map((status) => (
        <button
          key={status}
          type="button"
          class={`status-filter is-${status}`}
          aria-pressed={filter.statuses.includes(status)}
          onClick={() => toggle(status)}
        >
          <span class="dot" />
          {status}
          {counts && <b>{count(counts[status])}</b>}
        </button>
      ))}
    </div>
  );
}

const WINDOWS: ReadonlyArray<readonly [number, string]> = [
  [0, "any time"],
  [900, "15 minutes"],
  [3600, "hour"],
  [86400, "day"],
  [604800, "week"],
];

function FilterBar({ filter }: { filter: RunFilter }) {
  const [isOpen, setOpen] = useState(false);
  const collaterals = useFetched("collaterals", (signal) => ask<Collaterals>(["collaterals"], {}, signal)).data;
  const graph = useFetched("graph", (signal) => ask<Graph>(["graph"], {}, signal)).data;
  const entries = collaterals?.collaterals.filter((one) => one.is_entry).map((one) => one.name) ?? [];
  const text = (name: "id" | "entry" | "neuron" | "error" | "text") => (value: string) =>
    setFilter({ ...filter, [name]: value }, { replace: true });
  const active = filtersIn(filter);
  return (
    <form class={`filters ${isOpen ? "is-open" : ""}`} role="search" aria-label="Find runs" onSubmit={(event) => event.preventDefault()}>
      <TextFilter name="id" label="Id begins with" value={filter.id} onValue={text("id")} isSearch />
      <button type="button" class="filters-more" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Filters{active > 0 && ` (${active})`}
      </button>
      <div class="filters-rest">
        <TextFilter name="entry" label="Entry" value={filter.entry} onValue={text("entry")} options={entries} />
        <TextFilter name="neuron" label="Neuron" value={filter.neuron} onValue={text("neuron")} options={graph?.neurons.map((one) => one.name) ?? []} />
        <TextFilter name="error" label="Error contains" value={filter.error} onValue={text("error")} />
        <TextFilter name="text" label="Payload contains" value={filter.text} onValue={text("text")} />
        <TimeFilter filter={filter} />
        {active > 0 && (
          <button type="button" class="quiet clear" onClick={() => go(href(["runs"]))}>
            <Icon name="close" /> Clear
          </button>
        )}
      </div>
    </form>
  );
}

const BETWEEN = -1;

function TimeFilter({ filter }: { filter: RunFilter }) {
  const [isBetween, setBetween] = useState(filter.after > 0 || filter.before > 0);
  const isShown = isBetween || filter.after > 0 || filter.before > 0;
  const choose = (value: number) => {
    setBetween(value === BETWEEN);
    if (value !== BETWEEN) setFilter({ ...filter, within: value, after: 0, before: 0 });
    else setFilter({ ...filter, within: 0 });
  };
  return (
    <>
      <label class="field">
        <span>Started</span>
        <select value={String(isShown ? BETWEEN : filter.within)} onChange={(event) => choose(Number(event.currentTarget.value))}>
          {WINDOWS.map(([seconds, label]) => (
            <option key={seconds} value={String(seconds)}>
              {seconds === 0 ? label : `within the last ${label}`}
            </option>
          ))}
          <option value={String(BETWEEN)}>between …</option>
        </select>
      </label>
      {isShown && (
        <>
          <Moment label="From" at={filter.after} onMoment={(after) => setFilter({ ...filter, within: 0, after })} />
          <Moment label="Until" at={filter.before} onMoment={(before) => setFilter({ ...filter, within: 0, before })} />
        </>
      )}
    </>
  );
}

function Moment({ label, at, onMoment }: { label: string; at: number; onMoment: (at: number) => void }) {
  return (
    <label class={`field ${at ? "is-set" : ""}`}>
      <span>{label}</span>
      <input
        type="datetime-local"
        value={at ? moment(at).replace(" ", "T").slice(0, 16) : ""}
        onChange={(event) => onMoment((new Date(event.currentTarget.value).getTime() || 0) / 1000)}
      />
    </label>
  );
}

interface TextFilterProps {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly options?: readonly string[];
  readonly isSearch?: boolean;
}

function TextFilter({ name, label, value, onValue, options = [], isSearch = false }: TextFilterProps) {
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  useEffect(() => {
    if (input.current && document.activeElement !== input.current) input.current.value = value;
  }, [value]);
  const typed = () => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => onValue(input.current!.value.trim()), 250);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  const list = `options-${name}`;
  return (
    <label class={`field ${value ? "is-set" : ""}`}>
      <span>{label}</span>
      <input
        ref={input}
        type="search"
        name={name}
        defaultValue={value}
        autocomplete="off"
        spellcheck={false}
        list={options.length > 0 ? list : undefined}
        data-search={isSearch ? "" : undefined}
        onInput={typed}
      />
      {options.length > 0 && (
        <datalist id={list}>
          {options.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
    </label>
  );
}

function RunList({ filter, cursor }: { filter: RunFilter; cursor: string | null }) {
  const key = place.value.query.toString();
  const page = useFetched(`runs?${key}`, async (signal) => firstIfStale(filter, cursor, signal));
  const runs = useLiveRuns(page.data, filter, cursor === null, page.reload);
  const selection = useSelection(runs ?? NONE, key);
  if (page.error && page.data === null) return <Trouble error={page.error} retry={page.reload} />;
  // The runs of the filter before are there until those of the new one have come.
  if (runs === null || (runs.length === 0 && page.data === null)) return <Waiting what="runs" />;
  return (
    <>
      {page.data && runs.length === 0 ? <NoRuns filter={filter} page={page.data} /> : <RunTable runs={runs} isBusy={page.data === null} selection={may("retry") || may("abort") ? selection : null} />}
      <SelectionBar selection={selection} />
      <nav class="pages" aria-label="Pages">
        {cursor !== null && <a href={href(["runs"], queryOf(filter))}>Newest</a>}
        {page.data?.cursor && (
          <a href={href(["runs"], { ...queryOf(filter), cursor: page.data.cursor })} rel="next">
            Older runs
          </a>
        )}
      </nav>
    </>
  );
}

const NONE: readonly Run[] = [];

/** A cursor is good for one server; with another's, the list begins at its beginning. */
async function firstIfStale(filter: RunFilter, cursor: string | null, signal: AbortSignal): Promise<RunPage> {
  const params = { ...paramsOf(filter, Date.now() / 1000), limit: PAGE };
  try {
    return await ask<RunPage>(["runs"], { ...params, cursor }, signal);
  } catch (error) {
    if (!(error instanceof ApiError && error.code === "bad_cursor")) throw error;
    adjust({ cursor: null }, { replace: true });
    return ask<RunPage>(["runs"], params, signal);
  }
}

/** The runs of a page, with what happened to them since; new ones come to the first page. */
function useLiveRuns(page: RunPage | null, filter: RunFilter, isFirst: boolean, reload: () => void): readonly Run[] | null {
  const [runs, setRuns] = useState<readonly Run[] | null>(null);
  const current = useRef({ filter, isFirst });
  current.current = { filter, isFirst };
  useEffect(() => {
    if (page) setRuns(page.runs);
  }, [page]);
  useEffect(() => {
    let timer = 0;
    const soon = () => {
      clearTimeout(timer);
      timer = window.setTimeout(reload, 500);
    };
    const came = (run: Run) =>
      setRuns((old) => {
        if (old === null) return old;
        const at = old.findIndex((one) => one.ref === run.ref);
        const isWanted = matches(run, current.current.filter, Date.now() / 1000);
        if (isWanted === false) return at < 0 ? old : old.filter((one) => one.ref !== run.ref);
        if (at >= 0) return old.with(at, run);
        if (!current.current.isFirst) return old;
        if (isWanted === null || old.length >= MOST_ROWS) {
          soon();
          return old;
        }
        return [run, ...old].sort((a, b) => b.created_at - a.created_at);
      });
    const went = ({ ref }: { ref: string }) => setRuns((old) => old && old.filter((one) => one.ref !== ref));
    const stops = [listen("run", came), listen("gone", went), () => clearTimeout(timer)];
    return () => stops.forEach((stop) => stop());
  }, []);
  return runs;
}

function NoRuns({ filter, page }: { filter: RunFilter; page: RunPage }) {
  if (filtersIn(filter) === 0) {
    return (
      <Empty title="No runs yet">
        <p>A run comes here as soon as it is stored: start one, and keep this page open.</p>
      </Empty>
    );
  }
  if (page.cursor) return <Empty title={`None among the ${counted(page.looked_at, "run")} that were looked at`}><p>There are older ones.</p></Empty>;
  return (
    <Empty title="No run is like that">
      <button type="button" onClick={() => go(href(["runs"]))}>
        Clear the filters
      </button>
    </Empty>
  );
}

interface RunTableProps {
  readonly runs: readonly Run[];
  readonly label?: string;
  readonly isBusy?: boolean;
  /** Those that are picked, where some can be. */
  readonly selection?: Selection | null;
}

export function RunTable({ runs, label = "Runs", isBusy = false, selection = null }: RunTableProps) {
  return (
    <div class="card table-card">
      <table class={`runs ${selection ? "can-pick" : ""}`} aria-label={label} aria-busy={isBusy}>
        <thead>
          <tr>
            {selection && (
              <th scope="col" data-cell="pick">
                <PickPage selection={selection} />
              </th>
            )}
            <th scope="col">Status</th>
            <th scope="col">Run</th>
            <th scope="col">Entry</th>
            <th scope="col">Started</th>
            <th scope="col" class="number">
              Duration
            </th>
            <th scope="col" class="number">
              Attempts
            </th>
            <th scope="col" class="number">
              Left
            </th>
            <th scope="col">Owner</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <RunRow key={run.ref} run={run} selection={selection} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RunRow({ run, selection }: { run: Run; selection: Selection | null }) {
  return (
    <tr data-run={run.stimulation_id} class={selection?.has(run) ? "is-picked" : ""}>
      {selection && (
        <td data-cell="pick">
          <Pick run={run} selection={selection} />
        </td>
      )}
      <td data-cell="status">
        <StatusPill status={run.status} />
      </td>
      <td data-cell="run">
        <a class="run-link mono" data-row href={href(["runs", run.ref])}>
          {run.stimulation_id}
        </a>
        {run.error && <RowError error={run.error} />}
      </td>
      <td data-cell="entry">{run.entry.join(", ")}</td>
      <td data-cell="started">
        <Ago at={run.created_at} />
      </td>
      <td data-cell="duration" class="number">
        {run.status === "pending" ? <span class="dim">–</span> : <Lasting from={run.created_at} to={run.ended_at} />}
      </td>
      <td data-cell="attempts" class="number">
        {run.attempt_number}
      </td>
      <td data-cell="left" class={`number ${run.outstanding > 0 ? "is-some" : "dim"}`}>
        {count(run.outstanding)}
      </td>
      <td data-cell="owner" class="mono dim">
        {run.owner ?? "–"}
      </td>
    </tr>
  );
}

function RowError({ error }: { error: BriefError }) {
  const [name, rest] = nameAndRest(error);
  return (
    <span class="row-error" title={`${error.type_name}: ${error.message}`}>
      <b>{name}</b> {rest}
    </span>
  );
}
