/** What became of what was ordered, as it goes on. */

import { ask } from "../api/client";
import { useFetched } from "../api/fetched";
import type { Command, Run, Worker, Workers } from "../api/types";
import { href } from "../logic/address";
import { count, counted } from "../logic/format";
import { refOf } from "../logic/refs";
import { go } from "../parts/place";
import { CommandPill } from "./command_pill";
import { isOver, useCommands, type Order } from "./orders";

interface OutcomeProps {
  readonly orders: readonly Order[];
  /** Leave what this is shown in, to go somewhere else. */
  readonly onLeave: () => void;
}

export function Outcome({ orders, onLeave }: OutcomeProps) {
  const commands = useCommands(orders.map((order) => order.key));
  const isOpen = commands.some((command) => !isOver(command));
  return (
    <div class="outcome" role="status" data-outcome={isOpen ? "open" : "over"}>
      {orders.length === 1 && commands[0] ? <One command={commands[0]} onLeave={onLeave} /> : <Many commands={commands} of={orders.length} />}
      <Nobody isOpen={isOpen} />
    </div>
  );
}

const MEANWHILE = { waiting: "It waits for a worker to take it.", taken: "It is being done." };

function One({ command, onLeave }: { command: Command; onLeave: () => void }) {
  const { status } = command;
  return (
    <>
      <p class="outcome-line">
        <CommandPill status={status} /> {command.outcome ?? (status === "waiting" || status === "taken" ? MEANWHILE[status] : "")}
      </p>
      {command.made && (
        <p>
          <a href={href(["runs", command.made.ref])} data-made onClick={onLeave}>
            Go to <b class="mono">{command.made.stimulation_id}</b>
          </a>
        </p>
      )}
      {status === "refused" && command.seen !== null && <Conflict command={command} onLeave={onLeave} />}
    </>
  );
}

/** Whether it was refused since the run is not what the person saw any more. */
function Conflict({ command, onLeave }: { command: Command; onLeave: () => void }) {
  const ref = command.ref ?? refOf(command.stimulation_id ?? "");
  const run = useFetched(`after ${command.key}`, (signal) => ask<Run>(["runs", ref], {}, signal)).data;
  if (run === null || run.version === command.seen) return null;
  const look = () => {
    onLeave();
    go(href(["runs", ref]));
  };
  return (
    <p class="notice" data-conflict>
      The run has changed since you saw it: it was {spoken(command.seen)}, and is {spoken(run.version)} now.{" "}
      <button type="button" class="small" onClick={look}>
        Look again
      </button>
    </p>
  );
}

function spoken(version: string | null): string {
  const [attempt, status] = (version ?? "").split("-", 2);
  return `${status ?? "?"} in attempt ${attempt}`;
}

const MOST_SENTENCES = 20;

function Many({ commands, of }: { commands: readonly Command[]; of: number }) {
  const number = (status: Command["status"]) => commands.filter((command) => command.status === status).length;
  const refused = commands.filter((command) => command.status === "refused");
  const open = number("waiting") + number("taken");
  return (
    <>
      <p class="outcome-line">
        <b>
          {count(number("done"))} of {counted(of, "run")}
        </b>{" "}
        done{open > 0 && `, ${count(open)} under way`}
        {refused.length > 0 && `, ${count(refused.length)} refused`}
      </p>
      <ul class="sentences">
        {refused.slice(0, MOST_SENTENCES).map((command) => (
          <li key={command.key}>
            <b class="mono">{command.stimulation_id}</b> {command.outcome}
          </li>
        ))}
      </ul>
    </>
  );
}

/** The DevTools have a worker of their own, which does what is ordered, but takes no runs. */
function takesRuns({ is_expired, worker_id }: Worker): boolean {
  return !is_expired && !worker_id.startsWith("devtools-");
}

/** That there is no worker who could take something up. */
function Nobody({ isOpen }: { isOpen: boolean }) {
  const workers = useFetched(`workers ${isOpen}`, (signal) => ask<Workers>(["workers"], {}, signal)).data;
  if (workers === null || workers.workers.some(takesRuns)) return null;
  return <p class="notice">No worker is alive: {isOpen ? "it" : "what is to run"} waits until one comes.</p>;
}
