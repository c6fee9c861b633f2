/** What changes, as the server tells it: one stream for the page, which comes back by itself and catches up. */

import { computed, signal } from "@preact/signals";
import { ApiError, apiUrl, ask } from "./client";
import type { Command, Meta, Run, RunCounts, Worker } from "./types";

export interface News {
  run: Run;
  gone: { ref: string; stimulation_id: string };
  stats: { runs: RunCounts; oldest_open_at: number | null };
  workers: { workers: Worker[] };
  command: Command;
  /** Something may have changed unseen: fetch anew what is shown. */
  resync: { reason: string };
}

type Listener<K extends keyof News> = (news: News[K]) => void;

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5_000;
const HIDDEN_FOR = 30_000;

export const connection = signal<"connecting" | "live" | "lost">("connecting");
/** Why the store does not answer; `null` if it does. */
export const storeTrouble = signal<string | null>(null);
export const isPaused = signal(false);

const missedRuns = signal<ReadonlySet<string>>(new Set());
/** How many runs have changed since the page was paused. */
export const missed = computed(() => missedRuns.value.size);

const listeners: { [K in keyof News]: Set<Listener<K>> } = {
  run: new Set(),
  gone: new Set(),
  stats: new Set(),
  workers: new Set(),
  command: new Set(),
  resync: new Set(),
};

let source: EventSource | null = null;
let lastId = "";
let pause = FIRST_PAUSE;
let timer = 0;
let wasLost = false;
let isOutdated = false;

/** Hear of changes of one kind; the answer ends that. */
export function listen<K extends keyof News>(kind: K, listener: Listener<K>): () => void {
  listeners[kind].add(listener);
  return () => void listeners[kind].delete(listener);
}

export function setPaused(value: boolean): void {
  isPaused.value = value;
  if (value) return;
  const wasOutdated = isOutdated;
  isOutdated = false;
  missedRuns.value = new Set();
  if (wasOutdated) tell("resync", { reason: "the page was paused" });
}

/** Connect, and stay connected for as long as somebody may be looking. */
export function follow(): void {
  connect();
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = window.setTimeout(disconnect, HIDDEN_FOR);
    else if (source === null) connect();
  });
}

function connect(): void {
  clearTimeout(timer);
  source?.close();
  source = new EventSource(apiUrl(["events"], { last_event_id: lastId }));
  source.onerror = () => void reconnect();
  hear("hello", (data) => {
    pause = FIRST_PAUSE;
    connection.value = "live";
    storeTrouble.value = (data as { is_store_there: boolean }).is_store_there ? null : "The store does not answer.";
    if (wasLost) arrived("resync", { reason: "the connection was lost" });
    wasLost = false;
  });
  hear("store", (data) => {
    const { is_there, detail } = data as { is_there: boolean; detail: string | null };
    storeTrouble.value = is_there ? null : (detail ?? "The store does not answer.");
    if (is_there) arrived("resync", { reason: "the store is back" });
  });
  for (const kind of ["run", "gone", "stats", "workers", "command", "resync"] as const) hear(kind, (data) => arrived(kind, data));
}

function disconnect(): void {
  source?.close();
  source = null;
}

/** A browser comes back by itself only after some kinds of trouble, so it is not left to it. */
async function reconnect(): Promise<void> {
  disconnect();
  connection.value = "lost";
  wasLost = true;
  try {
    await ask<Meta>(["meta"]);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return;
  }
  timer = window.setTimeout(connect, pause);
  pause = Math.min(pause * 1.5, LONGEST_PAUSE);
}

function hear(kind: string, listener: (data: unknown) => void): void {
  source!.addEventListener(kind, (event) => {
    const message = event as MessageEvent<string>;
    if (message.lastEventId) lastId = message.lastEventId;
    listener(JSON.parse(message.data));
  });
}

function arrived(kind: keyof News, data: unknown): void {
  if (!isPaused.value || kind === "command") {
    tell(kind, data as never); // what somebody has ordered here is no news that a pause is for
    return;
  }
  isOutdated = true;
  if (kind === "run" || kind === "gone") missedRuns.value = new Set(missedRuns.value).add((data as Run).ref);
}

function tell<K extends keyof News>(kind: K, news: News[K]): void {
  for (const listener of listeners[kind]) listener(news);
}
