/** What many views show: statuses, times, errors, and that there is nothing to show. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { AttemptStatus, RunStatus } from "../api/types";
import { ago, duration, lasting, moment } from "../logic/format";
import { now } from "./clock";
import { Icon, type IconName } from "./icons";

export type Status = RunStatus | AttemptStatus | "done" | "outstanding";

const ICONS: Readonly<Record<Status, IconName>> = {
  pending: "pending",
  running: "running",
  completed: "completed",
  failed: "failed",
  aborted: "aborted",
  interrupted: "pause",
  lost: "aborted",
  done: "completed",
  outstanding: "left",
};

export const STATUS_LABELS: Readonly<Partial<Record<Status, string>>> = { outstanding: "left" };

export function StatusPill({ status }: { status: Status }) {
  return (
    <span class={`pill is-${status}`} data-status={status}>
      <Icon name={ICONS[status]} />
      {STATUS_LABELS[status] ?? status}
    </span>
  );
}

export function Ago({ at }: { at: number }) {
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={moment(at)}>
      {ago(at, now.value)}
    </time>
  );
}

/** How long something took, or has been taking. */
export function Lasting({ from, to }: { from: number; to: number | null }) {
  return <>{to === null ? lasting(now.value - from) : duration(to - from)}</>;
}

/** Copies a text, which may be one that is only made when it is wanted. */
export function Copy({ text, what }: { text: string | (() => string); what: string }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
    } catch {
      return; // a browser may refuse; the text can be selected
    }
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <button type="button" class="quiet" aria-label={`Copy ${what}`} title={`Copy ${what}`} onClick={copy}>
      <Icon name={isDone ? "completed" : "copy"} />
      <span class="sr-only" role="status">
        {isDone ? "Copied" : ""}
      </span>
    </button>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Trouble({ error, retry }: { error: Error; retry?: () => void }) {
  return (
    <div class="trouble" role="alert">
      <p>{error.message}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Waiting({ what }: { what: string }) {
  return (
    <div class="waiting" role="status">
      <span class="sr-only">Loading {what}</span>
      <span class="bone" />
      <span class="bone" />
      <span class="bone" />
    </div>
  );
}

/** What a colour in a picture means. */
export function Key({ of, label }: { of: string; label: string }) {
  return (
    <span class="key-label">
      <span class={`key is-${of}`} /> {label}
    </span>
  );
}

/** A name and what it is, in a list of facts. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
