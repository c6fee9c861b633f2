/** Everything that the view of a run shows of it, but the payloads. */

import { ApiError, ask } from "../api/client";
import type { Attempt, Attempts, Frontier, FrontierTask, RunDetail, Task, TaskPage } from "../api/types";

export interface Story {
  readonly run: RunDetail;
  readonly attempts: readonly Attempt[];
  readonly tasks: readonly Task[];
  readonly left: readonly FrontierTask[];
  /** Why there is no history. */
  readonly trouble: string | null;
}

const PAGE = 5_000;

/** Fetch a run; of its history, which only grows, only what is not known yet. */
export async function loadStory(ref: string, known: Story | null, signal: AbortSignal): Promise<Story> {
  const path = ["runs", ref];
  const run = await ask<RunDetail>(path, {}, signal);
  const [{ attempts }, { tasks: left }, history] = await Promise.all([
    ask<Attempts>([...path, "attempts"], {}, signal),
    ask<Frontier>([...path, "frontier"], {}, signal),
    loadHistory(path, known?.run.created_at === run.created_at ? known.tasks : [], signal),
  ]);
  return { run, attempts, left, ...history };
}

async function loadHistory(path: readonly string[], known: readonly Task[], signal: AbortSignal): Promise<Pick<Story, "tasks" | "trouble">> {
  const tasks = [...known];
  try {
    for (let start: number | null = tasks.length; start !== null; ) {
      const page: TaskPage = await ask<TaskPage>([...path, "tasks"], { start, limit: PAGE }, signal);
      tasks.push(...page.tasks);
      start = page.next;
    }
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 413)) throw error;
    return { tasks, trouble: error.message };
  }
  return { tasks, trouble: null };
}

/** What names a task in the address: attempt and ordinal, or `left` and ordinal. */
export function keyOf(task: Task | FrontierTask): string {
  return "attempt_number" in task ? `${task.attempt_number}.${task.ordinal}` : `left.${task.ordinal}`;
}

/** The failure to look at first: the first one of the latest attempt that has any. */
export function firstFailure(story: Story): Task | FrontierTask | null {
  const failed = story.tasks.filter((task) => task.status === "failed");
  const latest = Math.max(...failed.map((task) => task.attempt_number));
  const first = failed.filter((task) => task.attempt_number === latest).sort((a, b) => a.started_at - b.started_at)[0];
  return first ?? story.left.find((task) => task.status === "failed") ?? null;
}
