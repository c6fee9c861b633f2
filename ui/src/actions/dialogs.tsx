/** The dialogs, each of which says what would be done before it is. */

import { useState } from "preact/hooks";
import { ask } from "../api/client";
import { useFetched } from "../api/fetched";
import type { Frontier, Run } from "../api/types";
import { byNeuron, newKey, sortedFor, type Deed } from "../logic/deeds";
import { count, counted } from "../logic/format";
import { Trouble, Waiting } from "../parts/shown";
import { asked, type Asked } from "./asked";
import { OrderDialog } from "./dialog";
import { ForkDialog } from "./fork_dialog";
import { NewId } from "./new_id";
import type { Order } from "./orders";

export function Dialogs() {
  const what = asked.value;
  if (what === null) return null;
  switch (what.what) {
    case "retry":
      return <RetryDialog run={what.run} />;
    case "clone":
      return <CloneDialog run={what.run} />;
    case "abort":
      return <AbortDialog run={what.run} />;
    case "delete":
      return <DeleteDialog run={what.run} />;
    case "fork":
      return <ForkDialog run={what.run} task={what.task} />;
    case "many":
      return <ManyDialog {...what} />;
  }
}

function useKey(): string {
  return useState(newKey)[0];
}

function orderFor(run: Run, kind: Deed, key: string, args: Record<string, unknown> = {}): Order {
  return { key, kind, stimulation_id: run.stimulation_id, seen: run.version, arguments: args };
}

function RetryDialog({ run }: { run: Run }) {
  const key = useKey();
  const frontier = useFetched(`frontier ${run.ref}`, (signal) => ask<Frontier>(["runs", run.ref, "frontier"], {}, signal));
  const tasks = frontier.data?.tasks;
  return (
    <OrderDialog title={`Retry ${run.stimulation_id}`} verb="Retry" orders={() => [orderFor(run, "retry", key)]}>
      {frontier.error && !tasks && <Trouble error={frontier.error} retry={frontier.reload} />}
      {!tasks && !frontier.error && <Waiting what="what is left" />}
      {tasks && (
        <>
          <p>
            Attempt {run.attempt_number + 1} goes on where the run stopped: with <b>{counted(tasks.length, "activation")}</b> that {tasks.length === 1 ? "is" : "are"}{" "}
            left, and with what follows from {tasks.length === 1 ? "it" : "them"}.
          </p>
          <ul class="amounts" aria-label="What will run">
            {byNeuron(tasks).map(([name, amount]) => (
              <li key={name} data-will-run={name}>
                <b>{name}</b> <span>{count(amount)}×</span>
              </li>
            ))}
          </ul>
          <p class="dim">What is done is kept, with its outputs and contexts, and does not run again.</p>
        </>
      )}
    </OrderDialog>
  );
}

function CloneDialog({ run }: { run: Run }) {
  const [id, setId] = useState("");
  const key = useKey();
  return (
    <OrderDialog title={`Clone ${run.stimulation_id}`} verb="Clone" orders={() => [orderFor(run, "clone", key, id ? { new_id: id } : {})]}>
      <p>
        A new run starts from its beginning, with the same signals ({run.entry.join(", ")}) and options. Everything runs again; this run stays as it is.
      </p>
      <NewId value={id} onValue={setId} />
    </OrderDialog>
  );
}

function AbortDialog({ run }: { run: Run }) {
  const [reason, setReason] = useState("");
  const key = useKey();
  return (
    <OrderDialog title={`Abort ${run.stimulation_id}`} verb="Abort" isDanger orders={() => [orderFor(run, "abort", key, reason ? { reason } : {})]}>
      <p>
        Nothing more of it starts, and handlers that are at work are told to stop. What is left is kept: a retry goes on from there.
      </p>
      <Reason value={reason} onValue={setReason} />
    </OrderDialog>
  );
}

function Reason({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  return (
    <label class="field">
      <span>Reason, which is stored</span>
      <input name="reason" value={value} autocomplete="off" onInput={(event) => onValue(event.currentTarget.value)} />
    </label>
  );
}

function DeleteDialog({ run }: { run: Run }) {
  const key = useKey();
  return (
    <OrderDialog title={`Delete ${run.stimulation_id}`} verb="Delete" isDanger orders={() => [orderFor(run, "delete", key)]}>
      <p>
        The run goes, with its history, its contexts and its logs. <b>This cannot be taken back.</b>
      </p>
    </OrderDialog>
  );
}

const TELLS: Readonly<Record<"retry" | "abort", string>> = {
  retry: "Each goes on with what is left of it; what is done is kept.",
  abort: "Nothing more of them starts; what is left is kept for a retry.",
};

function ManyDialog({ deed, runs }: Extract<Asked, { what: "many" }>) {
  const { possible, skipped } = sortedFor(deed, runs);
  const [keys] = useState(() => new Map(runs.map((run) => [run.ref, newKey()])));
  const [reason, setReason] = useState("");
  const args = deed === "abort" && reason ? { reason } : {};
  const left = possible.reduce((sum, run) => sum + run.outstanding, 0);
  const verb = `${deed === "retry" ? "Retry" : "Abort"} ${counted(possible.length, "run")}`;
  return (
    <OrderDialog
      title={verb}
      verb={verb}
      isDanger={deed === "abort"}
      orders={() => (possible.length === 0 ? null : possible.map((run) => orderFor(run, deed, keys.get(run.ref)!, args)))}
    >
      <p>
        <b>{counted(possible.length, "run")}</b> of {count(runs.length)}, with {counted(left, "activation")} left. {TELLS[deed]}
      </p>
      {skipped.size > 0 && (
        <ul class="sentences" aria-label="What is skipped">
          {[...skipped].map(([why, number]) => (
            <li key={why}>
              {count(number)} skipped: <b>{why}</b>
            </li>
          ))}
        </ul>
      )}
      {deed === "abort" && <Reason value={reason} onValue={setReason} />}
    </OrderDialog>
  );
}

