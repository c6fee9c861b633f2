/** Places a graph; in a process of its own, since a large one takes seconds. */

import { Graph, layout } from "@dagrejs/dagre";
import type { Line, Topology } from "../logic/topology";
import { lineLabelWidth, sizeOf, type Direction, type Drawing, type Order, type PlacedBox, type PlacedLine } from "./drawing";

/** How high a line from a box to itself is. */
const LOOP = 30;

self.onmessage = ({ data }: MessageEvent<Order>) => {
  self.postMessage({ key: data.key, drawing: place(data.topology, data.direction) });
};

function place({ boxes, lines }: Topology, direction: Direction): Drawing {
  if (boxes.length === 0) return { width: 0, height: 0, boxes: [], lines: [] };
  const graph = new Graph({ multigraph: true });
  const loops = lines.filter((line) => line.source === line.target);
  const others = lines.filter((line) => line.source !== line.target);
  const marginy = loops.length > 0 ? 16 + LOOP : 16;
  graph.setGraph({ rankdir: direction, nodesep: loops.length > 0 ? 26 + LOOP : 26, ranksep: direction === "LR" ? 46 : 40, edgesep: 14, marginx: 16, marginy });
  for (const { id, label, kind } of boxes) graph.setNode(id, sizeOf(label, kind));
  for (const line of others) graph.setEdge(line.source, line.target, labelled(line), line.id);
  layout(graph);
  const { lines: placed, ...rest } = drawing(graph, boxes.map((box) => box.id), others);
  return { ...rest, lines: [...placed, ...loops.map((line) => loop(line, rest.boxes.find((box) => box.id === line.source)!))] };
}

/** A line from a box to itself, over its top; dagre puts these beside the box if the graph goes from left to right. */
function loop(line: Line, { x, y, width, height }: PlacedBox): PlacedLine {
  const [top, side] = [y - height / 2, width / 4];
  const points = [
    { x: x + side, y: top },
    { x: x + side, y: top - LOOP },
    { x: x - side, y: top - LOOP },
    { x: x - side, y: top },
  ];
  return { id: line.id, points, label: { x, y: top - LOOP * 0.75 } };
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
