/** What somebody is about to do: a dialog asks whether they mean it. */

import { signal } from "@preact/signals";
import type { Run, Task } from "../api/types";

/** A settled activation, as far as a fork of it has to know. */
export type Origin = Pick<Task, "attempt_number" | "ordinal" | "neuron_name" | "collateral_name" | "input">;

export type Asked =
  | { readonly what: "retry" | "clone" | "abort" | "delete"; readonly run: Run }
  | { readonly what: "fork"; readonly run: Run; readonly task: Origin }
  | { readonly what: "many"; readonly deed: "retry" | "abort"; readonly runs: readonly Run[] };

export const asked = signal<Asked | null>(null);
