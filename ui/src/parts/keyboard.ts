/** The keys: `/` search, `j` and `k` rows, `g` and a letter to go somewhere, `?` for help. */

import { signal } from "@preact/signals";
import { href } from "../logic/address";
import { isPaused, setPaused } from "../api/feed";
import { go } from "./place";
import { nextTheme } from "./theme";

export const isHelpOpen = signal(false);

/** Keys that the view that is shown has of its own. */
const own = new Map<string, () => void>();
const PLACES: Readonly<Record<string, string>> = { r: "runs", g: "graph", n: "neurons", s: "stimulate", a: "actions", h: "health" };
const SECOND_KEY = 1_000;
let goingSince = -Infinity;

/** Have a key of the view do something; in a layout effect, or a key that is pressed as soon as there is something to see is lost. */
export function onKey(key: string, act: () => void): () => void {
  own.set(key, act);
  return () => {
    if (own.get(key) === act) own.delete(key);
  };
}

export function listenToKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return; // it has the keys for itself
    if (event.key === "Escape") return leave();
    if (isWriting(event.target)) return;
    if (act(event.key)) event.preventDefault();
  });
}

function act(key: string): boolean {
  const isSecond = performance.now() - goingSince < SECOND_KEY;
  goingSince = -Infinity;
  if (isSecond && key in PLACES) {
    go(href([PLACES[key]!]));
  } else if (key === "g") {
    goingSince = performance.now();
  } else if (own.has(key)) {
    own.get(key)!();
  } else if (key === "?") {
    isHelpOpen.value = true;
  } else if (key === "/") {
    document.querySelector<HTMLInputElement>("[data-search]")?.focus();
  } else if (key === "j" || key === "k") {
    moveRow(key === "j" ? 1 : -1);
  } else if (key === "x") {
    document.activeElement?.closest("tr")?.querySelector<HTMLInputElement>("[data-pick]")?.click();
  } else if (key === "p") {
    setPaused(!isPaused.value);
  } else if (key === "t") {
    nextTheme();
  } else {
    return false;
  }
  return true;
}

/** Escape leaves a field, or closes what the view has open. */
function leave(): void {
  if (isWriting(document.activeElement)) (document.activeElement as HTMLElement).blur();
  else own.get("Escape")?.();
}

function moveRow(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const active = document.activeElement;
  const at = rows.findIndex((row) => row === active || row.closest("tr") === (active?.closest("tr") ?? false));
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) && !/^(range|checkbox)$/.test((target as HTMLInputElement).type);
}
