/** Asks the worker for drawings, and keeps them by what they are of: the same graph is placed once. */

import { useEffect, useState } from "preact/hooks";
import { fingerprint, type Topology } from "../logic/topology";
import type { Direction, Drawing, Order } from "./drawing";

const KEPT = 20;
const drawings = new Map<string, Drawing>();
const waiting = new Map<string, ((drawing: Drawing) => void)[]>();
let worker: Worker | null = null;

function place(order: Order): Promise<Drawing> {
  worker ??= hired();
  return new Promise((resolve) => {
    const others = waiting.get(order.key);
    if (others) others.push(resolve);
    else {
      waiting.set(order.key, [resolve]);
      worker!.postMessage(order);
    }
  });
}

function hired(): Worker {
  const made = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
  made.onmessage = ({ data }: MessageEvent<{ key: string; drawing: Drawing }>) => {
    drawings.set(data.key, data.drawing);
    if (drawings.size > KEPT) drawings.delete(drawings.keys().next().value!);
    for (const resolve of waiting.get(data.key) ?? []) resolve(data.drawing);
    waiting.delete(data.key);
  };
  return made;
}

/** The drawing of a topology; `null` until it is there. */
export function useDrawing(topology: Topology, direction: Direction): Drawing | null {
  const key = `${direction}-${fingerprint(topology)}`;
  const [, setKey] = useState("");
  useEffect(() => {
    if (drawings.has(key)) return undefined;
    let isWanted = true;
    void place({ key, topology, direction }).then(() => isWanted && setKey(key));
    return () => {
      isWanted = false;
    };
  }, [key]);
  return drawings.get(key) ?? null;
}
