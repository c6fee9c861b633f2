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
  /** Seconds to look back; 0 for all. */
  readonly within: number;
}

export function filterOf(query: URLSearchParams): RunFilter {
  const given = query.getAll("status");
  const within = Number(query.get("within") ?? 0);
  return {
    statuses: STATUSES.filter((status) => given.includes(status)),
    id: query.get("id") ?? "",
    entry: query.get("entry") ?? "",
    neuron: query.get("neuron") ?? "",
    error: query.get("error") ?? "",
    within: Number.isFinite(within) && within > 0 ? within : 0,
  };
}

export function queryOf(filter: RunFilter): Query {
  const { statuses, within, ...texts } = filter;
  return { status: statuses, ...texts, within: within || null };
}

export function paramsOf(filter: RunFilter, now: number): Query {
  const { statuses, within, ...texts } = filter;
  return { status: statuses, ...texts, created_after: within ? now - within : null };
}

export function filtersIn(filter: RunFilter): number {
  const { statuses, within, id, entry, neuron, error } = filter;
  return [statuses.length, within, id, entry, neuron, error].filter(Boolean).length;
}

/** Whether a run is looked for; `null` if only the server can tell, who knows which neurons it activated. */
export function matches(run: Run, filter: RunFilter, now: number): boolean | null {
  const error = run.error ? `${run.error.type_name}: ${run.error.message}` : "";
  const isFound =
    (filter.statuses.length === 0 || filter.statuses.includes(run.status)) &&
    run.stimulation_id.startsWith(filter.id) &&
    (!filter.entry || run.entry.includes(filter.entry)) &&
    (!filter.within || run.created_at >= now - filter.within);
  if (!isFound || (filter.error && !run.error)) return false;
  if (filter.neuron || (filter.error && !error.includes(filter.error))) return null;
  return true;
}
