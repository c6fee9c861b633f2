/** Which runs are looked for: read from the address, asked of the API, and compared with runs that come live. */

import type { Run, RunStatus } from "../api/types";
import type { Query } from "./address";

export const STATUSES: readonly RunStatus[] = ["pending", "running", "completed", "failed", "aborted"];

export interface RunFilter {
  readonly statuses: readonly RunStatus[];
  readonly id: string;
  readonly entry: string;
  readonly neuron: string;
  readonly error: string;
  /** Stands in a payload of theirs. */
  readonly text: string;
  /** Seconds to look back; 0 for all. */
  readonly within: number;
  /** Started then or later, in seconds since the epoch; 0 for no such limit. */
  readonly after: number;
  /** Started earlier. */
  readonly before: number;
}

export function filterOf(query: URLSearchParams): RunFilter {
  const given = query.getAll("status");
  const seconds = (name: string) => {
    const value = Number(query.get(name) ?? 0);
    return Number.isFinite(value) && value > 0 ? value : 0;
  };
  return {
    statuses: STATUSES.filter((status) => given.includes(status)),
    id: query.get("id") ?? "",
    entry: query.get("entry") ?? "",
    neuron: query.get("neuron") ?? "",
    error: query.get("error") ?? "",
    text: query.get("text") ?? "",
    within: seconds("within"),
    after: seconds("after"),
    before: seconds("before"),
  };
}

export function queryOf(filter: RunFilter): Query {
  const { statuses, within, after, before, ...texts } = filter;
  return { status: statuses, ...texts, within: within || null, after: after || null, before: before || null };
}

export function paramsOf(filter: RunFilter, now: number): Query {
  const { statuses, within, after, before, ...texts } = filter;
  return { status: statuses, ...texts, created_after: (within ? now - within : after) || null, created_before: before || null };
}

export function filtersIn(filter: RunFilter): number {
  const { statuses, within, after, before, id, entry, neuron, error, text } = filter;
  return [statuses.length, within, after || before, id, entry, neuron, error, text].filter(Boolean).length;
}

/** Whether a run is looked for; `null` if only the server can tell, who knows its neurons and payloads. */
export function matches(run: Run, filter: RunFilter, now: number): boolean | null {
  const error = run.error ? `${run.error.type_name}: ${run.error.message}` : "";
  const isFound =
    (filter.statuses.length === 0 || filter.statuses.includes(run.status)) &&
    run.stimulation_id.startsWith(filter.id) &&
    (!filter.entry || run.entry.includes(filter.entry)) &&
    (!filter.within || run.created_at >= now - filter.within) &&
    run.created_at >= filter.after &&
    (!filter.before || run.created_at < filter.before);
  if (!isFound || (filter.error && !run.error)) return false;
  if (filter.neuron || filter.text || (filter.error && !error.includes(filter.error))) return null;
  return true;
}
