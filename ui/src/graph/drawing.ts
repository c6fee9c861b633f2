/** Where the boxes and lines of a graph are. */

import type { Topology } from "../logic/topology";

export type Direction = "LR" | "TB";

export interface PlacedBox {
  readonly id: string;
  /** Its middle. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedLine {
  readonly id: string;
  readonly points: ReadonlyArray<{ readonly x: number; readonly y: number }>;
  readonly label: { readonly x: number; readonly y: number } | null;
}

export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlacedBox[];
  readonly lines: readonly PlacedLine[];
}

export interface Order {
  readonly key: string;
  readonly topology: Topology;
  readonly direction: Direction;
}

const CHARACTER = 7.1;

export function sizeOf(label: string, kind: string): { width: number; height: number } {
  const isNeuron = kind === "neuron" || kind === "group";
  const width = Math.min(label.length, 28) * CHARACTER + (isNeuron ? 44 : 28);
  return { width: Math.max(isNeuron ? 132 : 60, width), height: isNeuron ? 46 : 28 };
}

export function labelOf(collaterals: readonly string[]): string {
  const text = collaterals.length > 2 ? `${collaterals[0]} +${collaterals.length - 1}` : collaterals.join(", ");
  return text.length > 30 ? `${text.slice(0, 29)}…` : text;
}

export function lineLabelWidth(collaterals: readonly string[]): number {
  return labelOf(collaterals).length * 6 + 12;
}
