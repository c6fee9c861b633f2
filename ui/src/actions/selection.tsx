/** Runs that are picked from a list, to do something to all of them. */

import { useEffect, useRef, useState } from "preact/hooks";
import { may } from "../api/meta";
import type { Run } from "../api/types";
import { between, sortedFor } from "../logic/deeds";
import { count, counted } from "../logic/format";
import { asked } from "./asked";

export interface Selection {
  readonly runs: readonly Run[];
  /** Runs that could be picked. */
  readonly of: readonly Run[];
  has(run: Run): boolean;
  /** Pick a run or put it back; with *isRange* so with all from the one before. */
  toggle(run: Run, isRange: boolean): void;
  pickAll(isPicked: boolean): void;
}

/** What is picked of the runs of a list, until another list is in its *place*; what goes from the list is not picked any more. */
export function useSelection(runs: readonly Run[], place: string): Selection {
  const [refs, setRefs] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => setRefs(new Set()), [place]);
  const last = useRef<string | null>(null);
  const toggle = (run: Run, isRange: boolean) => {
    const isPicked = !refs.has(run.ref);
    const names = runs.map((one) => one.ref);
    const meant = isRange && last.current !== null ? between(names, last.current, run.ref) : [run.ref];
    last.current = run.ref;
    const next = new Set(refs);
    for (const ref of meant) {
      if (isPicked) next.add(ref);
      else next.delete(ref);
    }
    setRefs(next);
  };
  return {
    runs: runs.filter((run) => refs.has(run.ref)),
    of: runs,
    has: (run) => refs.has(run.ref),
    toggle,
    pickAll: (isPicked) => setRefs(new Set(isPicked ? runs.map((run) => run.ref) : [])),
  };
}

export function Pick({ run, selection }: { run: Run; selection: Selection }) {
  return (
    <input
      type="checkbox"
      data-pick
      aria-label={`Pick ${run.stimulation_id}`}
      checked={selection.has(run)}
      onClick={(event) => selection.toggle(run, event.shiftKey)}
    />
  );
}

export function PickPage({ selection }: { selection: Selection }) {
  const isAll = selection.runs.length > 0 && selection.runs.length === selection.of.length;
  return (
    <input
      type="checkbox"
      aria-label="Pick all on this page"
      checked={isAll}
      ref={(box) => {
        if (box) box.indeterminate = selection.runs.length > 0 && !isAll;
      }}
      onClick={() => selection.pickAll(!isAll)}
    />
  );
}

const DEEDS = [
  ["retry", "Retry"],
  ["abort", "Abort"],
] as const;

export function SelectionBar({ selection }: { selection: Selection }) {
  const { runs } = selection;
  if (runs.length === 0) return null;
  return (
    <div class="selection card" role="region" aria-label="Picked runs">
      <b>{counted(runs.length, "run")} picked</b>
      {DEEDS.filter(([deed]) => may(deed)).map(([deed, label]) => {
        const number = sortedFor(deed, runs).possible.length;
        return (
          <button key={deed} type="button" disabled={number === 0} onClick={() => (asked.value = { what: "many", deed, runs })}>
            {label} {count(number)}…
          </button>
        );
      })}
      <button type="button" class="quiet" onClick={() => selection.pickAll(false)}>
        Pick none
      </button>
    </div>
  );
}
