/** The graph as it is defined: searched, narrowed to a neighbourhood, and taken away as a file. */

import { useEffect, useMemo, useRef } from "preact/hooks";
import { apiUrl, ask } from "../api/client";
import { listen } from "../api/feed";
import { useFetched } from "../api/fetched";
import type { Graph, Statistics } from "../api/types";
import { Canvas } from "../graph/canvas";
import { download, pictureOf } from "../graph/picture";
import { href } from "../logic/address";
import { count, counted, duration } from "../logic/format";
import { refOf } from "../logic/refs";
import { folded, groupsOf, MANY, neighbourhood, neuronId, topologyOf, type Topology } from "../logic/topology";
import { Icon } from "../parts/icons";
import { adjust, go, place } from "../parts/place";
import { Trouble, Waiting } from "../parts/shown";

const STEPS = 2;

export function GraphView() {
  const graph = useFetched("graph", (signal) => ask<Graph>(["graph"], {}, signal));
  const statistics = useStatistics();
  const query = place.value.query;
  const whole = useMemo(() => topologyOf(graph.data ?? { neurons: [], edges: [] }), [graph.data]);
  const groups = useMemo(() => groupsOf(graph.data?.neurons ?? []), [graph.data]);
  const open = query.get("open");
  // A large graph has its groups folded; a small one does not, until that is wanted.
  const foldedGroups = [...groups.keys()].filter((name) => !(open === null ? whole.boxes.length <= MANY : open.split(",").includes(name)));
  const topology = useMemo(() => folded(whole, groups, (name) => foldedGroups.includes(name)), [whole, groups, foldedGroups.join()]);
  const setFolded = (names: readonly string[]) => adjust({ open: [...groups.keys()].filter((name) => !names.includes(name)).join() || "-" });
  const search = query.get("search") ?? "";
  const focus = query.get("focus") ?? (topology.boxes.length > MANY ? centreOf(topology, search) : null);
  const shown = useMemo(() => (focus === null ? topology : around(topology, focus)), [topology, focus]);
  const found = useMemo(() => (search ? foundIn(shown, search) : undefined), [shown, search]);
  if (graph.error && !graph.data) return <Trouble error={graph.error} retry={graph.reload} />;
  if (!graph.data) return <Waiting what="the graph" />;
  return (
    <>
      <div class="title">
        <h1>Graph</h1>
        <span class="dim">
          {counted(graph.data.neurons.length, "neuron")}, {counted(graph.data.collaterals.length, "collateral")}
          {graph.data.source === "observed" && ", as seen at work"}
        </span>
        <Exports graph={graph.data} />
      </div>
      <GraphSearch search={search} focus={focus} isNarrow={query.get("focus") === null && focus !== null} topology={topology} />
      {groups.size > 0 && <Groups groups={groups} folded={foldedGroups} onFolded={setFolded} />}
      <div class="card graph-card">
        <Canvas
          topology={shown}
          label="Graph"
          found={found}
          selected={focus}
          detail={(name) => statistics.get(name) ?? null}
          onNeuron={(name) => go(href(["neurons", refOf(name)]))}
          onGroup={(name) => setFolded(foldedGroups.filter((one) => one !== name))}
        />
      </div>
    </>
  );
}

/** What was going on at each neuron in the last hour; asked for again when runs move, but not with each of them. */
function useStatistics(): ReadonlyMap<string, string> {
  const fetched = useFetched("statistics", (signal) => ask<Statistics>(["statistics"], {}, signal));
  useEffect(() => {
    let timer = 0;
    const stop = listen("run", () => {
      timer ||= window.setTimeout(() => {
        timer = 0;
        fetched.reload();
      }, 2_000);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
  return useMemo(() => {
    const all = fetched.data?.neurons ?? [];
    const busy = all.filter((one) => one.done + one.failed > 0);
    return new Map(
      busy.map((one) => {
        const second = one.failed > 0 ? ` · ${one.failed} failed` : one.p50 === null ? "" : ` · ${duration(one.p50)}`;
        return [one.name, `${count(one.done + one.failed)}×${second}`];
      }),
    );
  }, [fetched.data]);
}

/** The neighbourhood of a neuron; of one with hundreds of neighbours, these alone. */
function around(topology: Topology, neuron: string): Topology {
  const near = neighbourhood(topology, neuronId(neuron), STEPS);
  return near.boxes.length > MANY ? neighbourhood(topology, neuronId(neuron), 1) : near;
}

function centreOf(topology: Topology, search: string): string | null {
  const neurons = topology.boxes.filter((box) => box.kind === "neuron");
  const text = search.toLowerCase();
  return (neurons.find((box) => box.label.toLowerCase().includes(text)) ?? neurons[0])?.label ?? null;
}

function foundIn(topology: Topology, search: string): Set<string> {
  const text = search.toLowerCase();
  const boxes = topology.boxes.filter((box) => box.label.toLowerCase().includes(text)).map((box) => box.id);
  const lines = topology.lines.filter((line) => line.collaterals.some((name) => name.toLowerCase().includes(text)));
  return new Set([...boxes, ...lines.flatMap((line) => [line.source, line.target])]);
}

interface GroupsProps {
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly folded: readonly string[];
  readonly onFolded: (names: readonly string[]) => void;
}

/** The groups of neurons, each of which can be one box. */
function Groups({ groups, folded: names, onFolded }: GroupsProps) {
  return (
    <div class="groups" role="group" aria-label="Groups">
      {[...groups].map(([name, neurons]) => {
        const isOpen = !names.includes(name);
        return (
          <button
            key={name}
            type="button"
            class="small"
            aria-pressed={isOpen}
            title={isOpen ? `Show ${name} as one` : `Show what is in ${name}`}
            onClick={() => onFolded(isOpen ? [...names, name] : names.filter((one) => one !== name))}
          >
            {name} <b>{count(neurons.length)}</b>
          </button>
        );
      })}
    </div>
  );
}

interface GraphSearchProps {
  readonly search: string;
  readonly focus: string | null;
  readonly isNarrow: boolean;
  readonly topology: Topology;
}

function GraphSearch({ search, focus, isNarrow, topology }: GraphSearchProps) {
  const names = topology.boxes.filter((box) => box.kind === "neuron").map((box) => box.label);
  return (
    <form class="filters is-open" role="search" aria-label="Find in the graph" onSubmit={(event) => event.preventDefault()}>
      <label class="field">
        <span>Find a neuron or collateral</span>
        <input
          type="search"
          name="search"
          data-search=""
          autocomplete="off"
          defaultValue={search}
          onInput={(event) => adjust({ search: event.currentTarget.value.trim() }, { replace: true })}
        />
      </label>
      <label class="field">
        <span>Show the neighbourhood of</span>
        <select value={focus ?? ""} onChange={(event) => adjust({ focus: event.currentTarget.value })}>
          <option value="">{isNarrow ? "…" : "everything"}</option>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {isNarrow && <p class="notice">This graph is large: what is shown is what is around {focus}.</p>}
    </form>
  );
}

function Exports({ graph }: { graph: Graph }) {
  const menu = useRef<HTMLDetailsElement>(null);
  const picture = () => {
    const svg = document.querySelector<SVGSVGElement>("svg.graph");
    if (!svg) return;
    const [width, height] = svg.dataset.size!.split(" ").map(Number) as [number, number];
    const content = svg.querySelector("[data-content]")!;
    const moved = content.getAttribute("transform")!;
    content.removeAttribute("transform");
    download("graph.svg", pictureOf(svg, width, height), "image/svg+xml");
    content.setAttribute("transform", moved);
    menu.current!.open = false;
  };
  return (
    <details class="menu" ref={menu}>
      <summary class="button">
        <Icon name="download" /> Export
      </summary>
      <div>
        <a href={apiUrl(["graph", "mermaid"])} download="graph.mmd">
          Mermaid
        </a>
        <a href={apiUrl(["graph", "dot"])} download="graph.dot">
          DOT (Graphviz)
        </a>
        <button type="button" onClick={picture}>
          SVG, as shown
        </button>
        <button type="button" onClick={() => download("graph.json", JSON.stringify(graph, null, 2), "application/json")}>
          JSON
        </button>
      </div>
    </details>
  );
}
