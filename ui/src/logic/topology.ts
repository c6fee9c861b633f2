/** The graph as it is drawn: boxes, and one line for all that goes from one box to another. */

import type { Graph } from "../api/types";

export interface Box {
  readonly id: string;
  readonly label: string;
  readonly kind: "neuron" | "entry" | "end";
}

export interface Line {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  readonly collaterals: readonly string[];
}

export interface Topology {
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

/** A graph with more boxes is too much to be looked at as a whole. */
export const MANY = 300;

export const neuronId = (name: string) => `n:${name}`;

export function topologyOf(graph: Pick<Graph, "neurons" | "edges">): Topology {
  const boxes = new Map<string, Box>();
  const lines = new Map<string, Line & { collaterals: string[] }>();
  const add = (id: string, label: string, kind: Box["kind"]) => {
    if (!boxes.has(id)) boxes.set(id, { id, label, kind });
    return id;
  };
  for (const neuron of graph.neurons) add(neuronId(neuron.name), neuron.name, "neuron");
  for (const edge of graph.edges) {
    const source = edge.source === null ? add(`e:${edge.collateral}`, edge.collateral, "entry") : add(neuronId(edge.source), edge.source, "neuron");
    const target = edge.target === null ? add(`x:${edge.collateral}`, edge.collateral, "end") : add(neuronId(edge.target), edge.target, "neuron");
    const id = `${source}>${target}`;
    const line = lines.get(id) ?? { id, source, target, collaterals: [] };
    if (!line.collaterals.includes(edge.collateral)) line.collaterals.push(edge.collateral);
    lines.set(id, line);
  }
  return { boxes: [...boxes.values()], lines: [...lines.values()] };
}

/** The boxes that are at most so many steps away from one of them, whatever the direction. */
export function neighbourhood(topology: Topology, centre: string, steps: number): Topology {
  const next = new Map<string, string[]>();
  for (const { source, target } of topology.lines) {
    next.set(source, [...(next.get(source) ?? []), target]);
    next.set(target, [...(next.get(target) ?? []), source]);
  }
  const near = new Set([centre]);
  let edge = [centre];
  for (let step = 0; step < steps; step += 1) {
    edge = edge.flatMap((id) => next.get(id) ?? []).filter((id) => !near.has(id) && near.add(id));
  }
  return only(topology, (box) => near.has(box.id));
}

/** Only some of the boxes, and the lines between them. */
export function only(topology: Topology, isWanted: (box: Box) => boolean): Topology {
  const boxes = topology.boxes.filter(isWanted);
  const ids = new Set(boxes.map((box) => box.id));
  return { boxes, lines: topology.lines.filter((line) => ids.has(line.source) && ids.has(line.target)) };
}

/** A name for a topology: the same boxes and lines have the same one. */
export function fingerprint(topology: Topology): string {
  const text = [...topology.boxes.map((box) => box.id), ...topology.lines.map((line) => `${line.id}:${line.collaterals.join()}`)].join("\n");
  let [a, b] = [0x811c9dc5, 0x1b873593];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b) ^ (b >>> 13);
  }
  return `${topology.boxes.length}-${topology.lines.length}-${(a >>> 0).toString(36)}${(b >>> 0).toString(36)}`;
}
