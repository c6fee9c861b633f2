/** Has the server check a payload before it is sent. */

import { ApiError, send } from "../api/client";
import type { PayloadProblem, Verdict } from "../api/types";
import { refOf } from "../logic/refs";

/** What is wrong with a payload; `null` if only a worker can tell, since the graph is not known here. */
export async function problemsOf(collateral: string, payload: unknown): Promise<readonly PayloadProblem[] | null> {
  try {
    return (await send<Verdict>(["collaterals", refOf(collateral), "validate"], { payload })).problems;
  } catch (error) {
    if (error instanceof ApiError && (error.code === "no_graph" || error.status === 404)) return null;
    throw error;
  }
}
