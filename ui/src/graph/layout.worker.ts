/** Places a graph; in a process of its own, since a large one takes seconds. */

import { Graph, layout } from "@dagrejs/dagre";
import type { Line, Topology } from "../logic/topology";
import { lineLabelWidth, sizeOf, type Direction, type Drawing, type Order } from "./drawing";

self.onmessage = ({ data }: MessageEvent<Order>) => {
  self.postMessage({ key: data.key, drawing: place(data.topology, data.direction) });
};

function place({ boxes, lines }: Topology, direction: Direction): Drawing {
  if (boxes.length === 0) return { width: 0, height: 0, boxes: [], lines: [] };
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: direction, nodesep: 26, ranksep: direction === "LR" ? 46 : 40, edgesep: 14, marginx: 16, marginy: 16 });
  for (const { id, label, kind } of boxes) graph.setNode(id, sizeOf(label, kind));
  for (const line of lines) graph.setEdge(line.source, line.target, labelled(line), line.id);
  layout(graph);
  return drawing(graph, boxes.map((box) => box.id), lines);
}

function labelled(line: Line) {
  // The name of an entry, or of what nobody hears, stands in its box already.
  const isNamed = line.source.startsWith("e:") || line.target.startsWith("x:");
  return isNamed ? {} : { width: lineLabelWidth(line.collaterals), height: 18, labelpos: "c" as const };
}

function drawing(graph: Graph, ids: readonly string[], lines: readonly Line[]): Drawing {
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    boxes: ids.map((id) => {
      const { x, y, width: boxWidth, height: boxHeight } = graph.node(id) as Record<"x" | "y" | "width" | "height", number>;
      return { id, x, y, width: boxWidth, height: boxHeight };
    }),
    lines: lines.map((line) => {
      const edge = graph.edge(line.source, line.target, line.id) as { points?: { x: number; y: number }[]; x?: number; y?: number };
      const label = edge.x === undefined || edge.y === undefined ? null : { x: edge.x, y: edge.y };
      return { id: line.id, points: edge.points ?? [], label };
    }),
  };
}
