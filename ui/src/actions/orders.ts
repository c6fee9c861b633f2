/** What was ordered from this page, and what has become of it. */

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask, send } from "../api/client";
import { listen } from "../api/feed";
import type { Command, CommandKind, OrderedCommands } from "../api/types";

export interface Order {
  /** Made once for what a person asks for, however often it is sent. */
  readonly key: string;
  readonly kind: CommandKind;
  readonly stimulation_id: string | null;
  readonly seen: string | null;
  readonly arguments: unknown;
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 4_000;
const TRIES = 8;
/** Milliseconds after which what has not ended is asked for: news may have been lost. */
const LOOK_AGAIN = 2_000;
/** Commands that are asked for at once. */
const SOME = 5;

const commands = signal<ReadonlyMap<string, Command>>(new Map());

export function isOver(command: Command): boolean {
  return command.status === "done" || command.status === "refused";
}

function keep(...news: readonly Command[]): void {
  const kept = new Map(commands.value);
  for (const one of news) {
    const old = kept.get(one.key);
    if (!old || !isOver(old)) kept.set(one.key, one); // an answer may be older than the news
  }
  commands.value = kept;
}

listen("command", (command) => commands.value.has(command.key) && keep(command));

/** The commands of some orders, as far as they are known, and moving. */
export function useCommands(keys: readonly string[]): readonly Command[] {
  const found = keys.flatMap((key) => commands.value.get(key) ?? []);
  const open = found.filter((one) => !isOver(one)).slice(0, SOME);
  const isOpen = open.length > 0;
  const latest = useRef(open);
  latest.current = open;
  useEffect(() => {
    if (!isOpen) return undefined;
    const look = () => latest.current.forEach(({ key }) => void ask<Command>(["commands", key]).then(keep, () => {}));
    const timer = setInterval(look, LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [isOpen]);
  return found;
}

export type Step = "ready" | "sending" | "again" | "sent";

export interface Sender {
  readonly step: Step;
  /** Why it was not taken. */
  readonly error: Error | null;
  send(orders: readonly Order[]): void;
}

/** Sends orders once: what is sent again after an answer was lost has its key, and is no second order. */
export function useSender(): Sender {
  const [state, setState] = useState<{ step: Step; error: Error | null }>({ step: "ready", error: null });
  const isBusy = useRef(false);
  const start = async (orders: readonly Order[]) => {
    if (isBusy.current) return; // of two clicks, the first counts
    isBusy.current = true;
    setState({ step: "sending", error: null });
    try {
      const { commands: taken } = await sent(orders, () => setState({ step: "again", error: null }));
      keep(...taken);
      setState({ step: "sent", error: null });
    } catch (error) {
      isBusy.current = false;
      setState({ step: "ready", error: error as Error });
    }
  };
  return { ...state, send: (orders) => void start(orders) };
}

/** Whether it is not known if an order was taken. */
export function isLost(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 503);
}

async function sent(orders: readonly Order[], onLost: () => void): Promise<OrderedCommands> {
  for (let tries = 1, pause = FIRST_PAUSE; ; tries += 1, pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return await send<OrderedCommands>(["commands"], { commands: orders });
    } catch (error) {
      if (!isLost(error) || tries === TRIES) throw error;
      onLost();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
