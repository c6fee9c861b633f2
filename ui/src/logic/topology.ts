/** The graph as it is drawn: boxes, and one line for all that goes from one box to another. */

import type { Graph, Neuron } from "../api/types";

export interface Box {
  readonly id: string;
  readonly label: string;
  readonly kind: "neuron" | "entry" | "end" | "group";
  /** Neurons that a group stands for. */
  readonly size?: number;
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

export const groupId = (name: string) => `g:${name}`;
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

/** The neurons of each group, by its name. */
export function groupsOf(neurons: readonly Pick<Neuron, "name" | "group">[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { name, group } of neurons) if (group !== null) groups.set(group, [...(groups.get(group) ?? []), name]);
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The graph with one box for all neurons of each of the groups that are *folded*; what goes on inside is not seen. */
export function folded(topology: Topology, groups: ReadonlyMap<string, readonly string[]>, isFolded: (group: string) => boolean): Topology {
  const inside = new Map<string, Box>();
  for (const [group, names] of groups) {
    if (!isFolded(group)) continue;
    const box: Box = { id: groupId(group), label: group, kind: "group", size: names.length };
    for (const name of names) inside.set(neuronId(name), box);
  }
  if (inside.size === 0) return topology;
  const boxes = new Map(topology.boxes.map((box) => inside.get(box.id) ?? box).map((box) => [box.id, box]));
  const lines = new Map<string, Line>();
  for (const line of topology.lines) {
    const [source, target] = [line.source, line.target].map((id) => inside.get(id)?.id ?? id) as [string, string];
    if (source === target && line.source !== line.target) continue;
    const id = `${source}>${target}`;
    const names = new Set([...(lines.get(id)?.collaterals ?? []), ...line.collaterals]);
    lines.set(id, { id, source, target, collaterals: [...names] });
  }
  return { boxes: [...boxes.values()], lines: [...lines.values()] };
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
