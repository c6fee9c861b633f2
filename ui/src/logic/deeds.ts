/** What can be done to a run, why not, and what doing it means. */

import type { FrontierTask, Run } from "../api/types";

export type Deed = "retry" | "abort" | "clone" | "delete";

type State = Pick<Run, "status" | "outstanding" | "error">;

/** Why something cannot be done to a run as it is; `null` if it can. */
export function obstacle(deed: Deed, run: State): string | null {
  const isOpen = run.status === "pending" || run.status === "running";
  switch (deed) {
    case "retry":
      if (isOpen || run.status === "completed") return run.status;
      // One that was given up unseen may have something left all the same.
      if (run.status === "failed" && run.outstanding === 0 && run.error?.type_name !== "PoisonRun") return "nothing is left of it";
      return null;
    case "abort":
      return isOpen ? null : run.status;
    case "delete":
      return run.status === "running" ? "running" : null;
    default:
      return null;
  }
}

export interface Sorted<T> {
  readonly possible: readonly T[];
  /** Why how many are left out. */
  readonly skipped: ReadonlyMap<string, number>;
}

/** Tell the runs to which something can be done from those to which it cannot. */
export function sortedFor<T extends State>(deed: Deed, runs: readonly T[]): Sorted<T> {
  const skipped = new Map<string, number>();
  const possible = runs.filter((run) => {
    const why = obstacle(deed, run);
    if (why !== null) skipped.set(why, (skipped.get(why) ?? 0) + 1);
    return why === null;
  });
  return { possible, skipped };
}

/** How many of its activations each neuron has in a frontier, the most first. */
export function byNeuron(frontier: readonly Pick<FrontierTask, "neuron_name">[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { neuron_name: name } of frontier) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

/** The rows from one to another, both included, as a shift-click means them. */
export function between<T>(rows: readonly T[], from: T, to: T): readonly T[] {
  const [a, b] = [rows.indexOf(from), rows.indexOf(to)];
  return a < 0 || b < 0 ? [to] : rows.slice(Math.min(a, b), Math.max(a, b) + 1);
}

/** A key that nobody else has: what is ordered under it twice is done once. */
export function newKey(): string {
  // randomUUID() is only there on a page that came over TLS or from this machine.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
