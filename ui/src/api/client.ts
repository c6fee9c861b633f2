/** Questions to the API, which is below where the page is. */

import { signal } from "@preact/signals";
import { href, type Query } from "../logic/address";
import type { Problem } from "./types";

/** Whether the server no longer knows who is asking. */
export const isSignedOut = signal(false);

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** The address of a part of the API, for a link or a question. */
export function apiUrl(path: readonly string[], query: Query = {}): string {
  return `./api/v1/${href(path, query).slice(2)}`;
}

export function ask<T>(path: readonly string[], query: Query = {}, signal?: AbortSignal): Promise<T> {
  return answerTo<T>(apiUrl(path, query), { headers: { Accept: "application/json" }, ...(signal && { signal }) });
}

/** Ask for something that a foreign page must not be able to ask for, which the header shows. */
export function send<T>(path: readonly string[], body: unknown): Promise<T> {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CNStra-CSRF": "1" };
  return answerTo<T>(apiUrl(path), { method: "POST", headers, body: JSON.stringify(body) });
}

async function answerTo<T>(url: string, how: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(url, how);
  } catch (error) {
    if (how.signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "The DevTools server does not answer.");
  }
  if (answer.ok) return (await answer.json()) as T;
  if (answer.status === 401) isSignedOut.value = true;
  const problem = (await answer.json().catch(() => null)) as Problem | null;
  throw new ApiError(answer.status, problem?.code ?? "unknown", problem?.detail ?? `HTTP ${answer.status}`);
}

/** Show the server the token; tell whether it is good. */
export async function signIn(token: string): Promise<boolean> {
  const answer = await fetch("./login", { method: "POST", body: new URLSearchParams({ token }) });
  return answer.ok;
}
