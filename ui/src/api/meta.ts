/** What these DevTools are of, and what may be done with them. */

import { signal } from "@preact/signals";
import { ask } from "./client";
import { listen } from "./feed";
import type { CommandKind, Meta } from "./types";

export const meta = signal<Meta | null>(null);

export function may(kind: CommandKind): boolean {
  return meta.value?.actions.includes(kind) ?? false;
}

/** Ask for it, and again when the server may be another one. */
export function followMeta(): void {
  const load = async () => {
    meta.value = await ask<Meta>(["meta"]).catch(() => meta.value);
  };
  listen("resync", () => void load());
  void load();
}
