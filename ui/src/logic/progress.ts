/** What a run had done, and what was left of it, after so many of its activations. */

import type { FrontierTask, Task } from "../api/types";

export interface NeuronState {
  readonly done: number;
  readonly failed: number;
  readonly left: number;
}

export type Activation = Pick<Task, "ordinal" | "neuron_name" | "collateral_name" | "parent">;

export interface Progress {
  readonly neurons: ReadonlyMap<string, NeuronState>;
  readonly frontier: readonly Activation[];
  /** Collaterals by which an activation came about, as `source>target`. */
  readonly travelled: ReadonlySet<string>;
}

/**
 * Return the state after the first *step* of the *tasks*, which are in the order in which they settled.
 *
 * An activation is left as soon as the one that emitted its input is done, until it is done itself.
 */
export function progressAt(tasks: readonly Task[], left: readonly FrontierTask[], step: number): Progress {
  const settled = tasks.slice(0, step);
  const outcome = new Map<number, "done" | "failed">();
  for (const task of settled) outcome.set(task.ordinal, task.status);
  const isAtEnd = step >= tasks.length;
  const all = new Map<number, Activation>();
  for (const task of [...tasks, ...left]) all.set(task.ordinal, task);
  const isThere = ({ parent }: Activation) => parent === null || outcome.get(parent) === "done";
  const isLeft = new Set(left.map((task) => task.ordinal));
  const frontier = [...all.values()].filter((one) =>
    isAtEnd ? isLeft.has(one.ordinal) : outcome.get(one.ordinal) !== "done" && isThere(one),
  );
  const unrecorded = isAtEnd ? left.filter((task) => task.status === "failed" && !outcome.has(task.ordinal)) : [];
  return { neurons: neuronStates(settled, frontier, unrecorded), frontier, travelled: travelled(settled, frontier, all) };
}

function neuronStates(settled: readonly Task[], frontier: readonly Activation[], unrecorded: readonly Activation[]): Map<string, NeuronState> {
  const states = new Map<string, { done: number; failed: number; left: number }>();
  const of = (name: string) => {
    const state = states.get(name) ?? { done: 0, failed: 0, left: 0 };
    states.set(name, state);
    return state;
  };
  const last = new Map<number, Task>();
  for (const task of settled) last.set(task.ordinal, task); // one that failed and was done later counts as done
  for (const task of last.values()) of(task.neuron_name)[task.status] += 1;
  for (const task of unrecorded) of(task.neuron_name).failed += 1; // a run without history has only what is left
  for (const task of frontier) of(task.neuron_name).left += 1;
  return states;
}

function travelled(settled: readonly Task[], frontier: readonly Activation[], all: ReadonlyMap<number, Activation>): Set<string> {
  const found = new Set<string>();
  for (const { parent, neuron_name, collateral_name } of [...settled, ...frontier]) {
    const source = parent === null ? `e:${collateral_name}` : `n:${all.get(parent)?.neuron_name}`;
    found.add(`${source}>n:${neuron_name}`);
  }
  return found;
}

/** The activations by which one of them came about, itself included. */
export function ancestry(activations: Iterable<Activation>, ordinal: number): Set<number> {
  const parents = new Map<number, number | null>();
  for (const one of activations) parents.set(one.ordinal, one.parent);
  const found = new Set<number>();
  for (let at: number | null = ordinal; at !== null && !found.has(at); at = parents.get(at) ?? null) found.add(at);
  return found;
}
