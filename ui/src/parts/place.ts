/** The small router: the place is a signal, and links are ordinary links. */

import { computed, signal } from "@preact/signals";
import { changed, parsed, type Query } from "../logic/address";

export const place = signal(parsed(location.hash));
export const view = computed(() => place.value.path[0] ?? "runs");

export function followAddress(): void {
  addEventListener("hashchange", () => {
    place.value = parsed(location.hash);
  });
}

/** Go somewhere; with *replace* the place that is left is not one to come back to. */
export function go(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  place.value = parsed(to);
}

/** Stay, with some of the query changed. */
export function adjust(query: Query, options: { replace?: boolean } = {}): void {
  go(changed(place.value, query), options);
}
