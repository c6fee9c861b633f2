/** The graph, drawn: every neuron is an element of its own, which can be reached with the keyboard and read aloud. */

import { useEffect, useRef, useState } from "preact/hooks";
import { counted } from "../logic/format";
import type { NeuronState, Progress } from "../logic/progress";
import { neuronId, type Box, type Line, type Topology } from "../logic/topology";
import { Icon } from "../parts/icons";
import { Empty, Waiting } from "../parts/shown";
import { labelOf, type Direction, type Drawing, type PlacedBox, type PlacedLine } from "./drawing";
import { useDrawing } from "./layout";

interface CanvasProps {
  readonly topology: Topology;
  readonly label: string;
  /** What a run has done of it; without it the graph is drawn as it is defined. */
  readonly progress?: Progress | undefined;
  readonly selected?: string | null | undefined;
  /** Ids that are not dimmed, when something is looked for. */
  readonly found?: ReadonlySet<string> | undefined;
  /** A second line in a neuron's box. */
  readonly detail?: ((neuron: string) => string | null) | undefined;
  readonly onNeuron: (name: string) => void;
  readonly onGroup?: ((name: string) => void) | undefined;
}

interface Window {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const SMALLEST = 0.1;
const LARGEST = 2.5;

export function Canvas(props: CanvasProps) {
  const box = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<{ width: number; height: number } | null>(null);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      setSize({ width, height });
    });
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const direction: Direction = size !== null && size.width < 560 ? "TB" : "LR";
  const drawing = useDrawing(props.topology, direction);
  return (
    <div class="canvas" ref={box} data-graph={drawing ? "drawn" : "waiting"}>
      {props.topology.boxes.length === 0 ? (
        <Empty title="No graph yet">
          <p>It shows here when it is given to the DevTools, or when runs have been seen at work.</p>
        </Empty>
      ) : drawing && size ? (
        <Pane key={`${drawing.width}x${drawing.height}`} {...props} drawing={drawing} size={size} />
      ) : (
        <Waiting what="the graph" />
      )}
    </div>
  );
}

function fitted(drawing: Drawing, size: { width: number; height: number }): Window {
  const scale = Math.min(1.15, Math.max(0.35, Math.min(size.width / drawing.width, size.height / drawing.height)));
  const room = (outer: number, inner: number) => Math.max(0, (outer - inner * scale) / 2);
  return { x: room(size.width, drawing.width), y: room(size.height, drawing.height), scale };
}

function Pane({ drawing, size, topology, label, selected, ...props }: CanvasProps & { drawing: Drawing; size: { width: number; height: number } }) {
  const [moved, setMoved] = useState<Window | null>(null);
  const view = moved ?? fitted(drawing, size);
  const svg = useRef<SVGSVGElement>(null);
  const drag = useRef<{ x: number; y: number; from: Window } | null>(null);
  const zoom = (factor: number, at = { x: size.width / 2, y: size.height / 2 }) => {
    const scale = Math.min(LARGEST, Math.max(SMALLEST, view.scale * factor));
    const ratio = scale / view.scale;
    setMoved({ x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio, scale });
  };
  useEffect(() => {
    const placed = selected ? drawing.boxes.find((one) => one.id === neuronId(selected)) : undefined;
    if (!placed) return;
    const x = placed.x * view.scale + view.x;
    const y = placed.y * view.scale + view.y;
    if (x < 0 || y < 0 || x > size.width || y > size.height) {
      setMoved({ ...view, x: size.width / 2 - placed.x * view.scale, y: size.height / 2 - placed.y * view.scale });
    }
  }, [selected]);
  useEffect(() => {
    const wheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls, unless zooming is meant
      event.preventDefault();
      const bounds = svg.current!.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 300), { x: event.clientX - bounds.x, y: event.clientY - bounds.y });
    };
    svg.current!.addEventListener("wheel", wheel, { passive: false });
    return () => svg.current?.removeEventListener("wheel", wheel);
  });
  const boxes = new Map(topology.boxes.map((one) => [one.id, one]));
  const lines = new Map(topology.lines.map((one) => [one.id, one]));
  return (
    <>
      <svg
        ref={svg}
        class="graph"
        role="group"
        aria-label={label}
        width={size.width}
        height={size.height}
        data-size={`${drawing.width} ${drawing.height}`}
        onPointerDown={(event) => {
          if ((event.target as Element).closest("[data-neuron], [data-group]")) return;
          drag.current = { x: event.clientX, y: event.clientY, from: view };
          svg.current!.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          const from = drag.current;
          if (from) setMoved({ ...from.from, x: from.from.x + event.clientX - from.x, y: from.from.y + event.clientY - from.y });
        }}
        onPointerUp={() => (drag.current = null)}
      >
        <defs>
          {["", "-on"].map((name) => (
            <marker key={name} id={`arrow${name}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
              <path class={`arrow${name}`} d="M1 1 7 4 1 7z" />
            </marker>
          ))}
        </defs>
        <g data-content transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
          {drawing.lines.map((placed) => (
            <Wire key={placed.id} placed={placed} line={lines.get(placed.id)!} {...props} />
          ))}
          {drawing.boxes.map((placed) => (
            <Node key={placed.id} placed={placed} box={boxes.get(placed.id)!} isSelected={selected === boxes.get(placed.id)!.label} {...props} />
          ))}
        </g>
      </svg>
      <div class="canvas-tools" role="group" aria-label="Zoom">
        <button type="button" aria-label="Larger" onClick={() => zoom(1.25)}>
          <Icon name="plus" />
        </button>
        <button type="button" aria-label="Smaller" onClick={() => zoom(0.8)}>
          <Icon name="minus" />
        </button>
        <button type="button" aria-label="Fit" onClick={() => setMoved(null)}>
          <Icon name="fit" />
        </button>
      </div>
    </>
  );
}

function Wire({ placed, line, progress, found }: { placed: PlacedLine; line: Line } & Pick<CanvasProps, "progress" | "found">) {
  const isOn = progress?.travelled.has(`${line.source}>${line.target}`) ?? false;
  const isDim = progress ? !isOn : found !== undefined && !(found.has(line.source) && found.has(line.target));
  return (
    <g class={`wire ${isOn ? "is-on" : ""} ${isDim ? "is-dim" : ""}`}>
      <path d={line.source === line.target ? bow(placed.points) : curve(placed.points)} marker-end={`url(#arrow${isOn ? "-on" : ""})`} />
      {placed.label && (
        <text x={placed.label.x} y={placed.label.y}>
          {labelOf(line.collaterals)}
          <title>{line.collaterals.join(", ")}</title>
        </text>
      )}
    </g>
  );
}

function bow(points: PlacedLine["points"]): string {
  return points.map(({ x, y }, index) => `${["M", "C", "", ""][index]}${x} ${y}`).join(" ");
}

/** A smooth line through the points. */
function curve(points: PlacedLine["points"]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let path = `M${first.x} ${first.y}`;
  rest.forEach((point, index) => {
    const next = rest[index + 1];
    if (!next) path += `L${point.x} ${point.y}`;
    else path += `Q${point.x} ${point.y} ${(point.x + next.x) / 2} ${(point.y + next.y) / 2}`;
  });
  return path;
}

type NodeProps = { placed: PlacedBox; box: Box; isSelected: boolean } & Pick<CanvasProps, "progress" | "found" | "detail" | "onNeuron" | "onGroup">;

function Node({ placed, box, isSelected, progress, found, detail, onNeuron, onGroup }: NodeProps) {
  const { x, y, width, height } = placed;
  const name = box.label.length > 28 ? `${box.label.slice(0, 27)}…` : box.label;
  const corner = `translate(${x - width / 2} ${y - height / 2})`;
  if (box.kind === "group") return <Group placed={placed} box={box} name={name} isDim={found !== undefined && !found.has(box.id)} open={() => onGroup?.(box.label)} />;
  if (box.kind !== "neuron") {
    return (
      <g class={`end is-${box.kind} ${found && !found.has(box.id) ? "is-dim" : ""}`} transform={corner}>
        <rect width={width} height={height} rx={height / 2} />
        <text x={width / 2} y={height / 2}>
          {name}
        </text>
        <title>{box.kind === "entry" ? `${box.label} comes from outside` : `nobody listens on ${box.label}`}</title>
      </g>
    );
  }
  const state = progress ? (progress.neurons.get(box.label) ?? NOTHING) : undefined;
  const second = state ? summary(state) : (detail?.(box.label) ?? null);
  return (
    <g
      class={`neuron ${classOf(state)} ${!state && second?.endsWith("failed") ? "is-troubled" : ""} ${isSelected ? "is-selected" : ""} ${found && !found.has(box.id) ? "is-dim" : ""}`}
      transform={corner}
      data-neuron={box.label}
      data-state={state && classOf(state).replace(/is-/g, "")}
      role="button"
      tabindex={0}
      {...pressed(() => onNeuron(box.label))}
    >
      {state && state.left > 0 && <rect class="frontier" x={-5} y={-5} width={width + 10} height={height + 10} rx={14} />}
      <rect class="body" width={width} height={height} rx={10} />
      <rect class="stripe" x={0} y={10} width={4} height={height - 20} rx={2} />
      <text class="name" x={16} y={second ? height / 2 - 8 : height / 2}>
        {`${name} `}
      </text>
      {second && (
        <text class="second" x={16} y={height / 2 + 10}>
          {second}
        </text>
      )}
    </g>
  );
}

/** What a button does that is none of HTML's. */
function pressed(act: () => void) {
  return {
    onClick: act,
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      act();
    },
  };
}

interface GroupProps {
  readonly placed: PlacedBox;
  readonly box: Box;
  readonly name: string;
  readonly isDim: boolean;
  readonly open: () => void;
}

/** Neurons of which only their group is shown. */
function Group({ placed: { x, y, width, height }, box, name, isDim, open }: GroupProps) {
  return (
    <g
      class={`neuron is-group ${isDim ? "is-dim" : ""}`}
      transform={`translate(${x - width / 2} ${y - height / 2})`}
      data-group={box.label}
      role="button"
      tabindex={0}
      {...pressed(open)}
    >
      <rect class="body behind" x={4} y={-5} width={width} height={height} rx={10} />
      <rect class="body" width={width} height={height} rx={10} />
      <text class="name" x={16} y={height / 2 - 8}>
        {`${name} `}
      </text>
      <text class="second" x={16} y={height / 2 + 10}>
        {counted(box.size ?? 0, "neuron")}
      </text>
    </g>
  );
}

const NOTHING: NeuronState = { done: 0, failed: 0, left: 0 };

function classOf(state: NeuronState | undefined): string {
  if (!state) return "";
  if (state.failed > 0) return state.left > 0 ? "is-failed is-left" : "is-failed";
  if (state.left > 0) return "is-left";
  return state.done > 0 ? "is-done" : "is-untouched";
}

function summary({ done, failed, left }: NeuronState): string {
  const parts = [done && `${done} done`, failed && `${failed} failed`, left && `${left} left`].filter(Boolean);
  return parts.join(", ") || "not reached";
}
