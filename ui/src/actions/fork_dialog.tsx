/** Branches off from an activation of a run, with another input if that is wanted. */

import { useEffect, useState } from "preact/hooks";
import { ask } from "../api/client";
import { useFetched } from "../api/fetched";
import type { CollateralDetail, Run, TaskDetail } from "../api/types";
import { newKey } from "../logic/deeds";
import { bytes } from "../logic/format";
import { refOf } from "../logic/refs";
import { hiddenIn, parsedJson } from "../logic/schema_form";
import { JsonEditor } from "../parts/json_editor";
import { Schema } from "../parts/schema";
import { Trouble, Waiting } from "../parts/shown";
import type { Origin } from "./asked";
import { problemsOf } from "./checking";
import { OrderDialog } from "./dialog";
import { NewId } from "./new_id";
import type { Order } from "./orders";

/** Bytes of an input that can be edited here. */
const MOST = 256 * 1024;

export function ForkDialog({ run, task }: { run: Run; task: Origin }) {
  const path = ["runs", run.ref, "tasks", String(task.attempt_number), String(task.ordinal)];
  const isLarge = (task.input?.bytes ?? 0) > MOST;
  const found = useFetched(isLarge ? null : path.join(" "), (signal) => ask<TaskDetail>(path, { full: "true" }, signal));
  const input = found.data?.input ?? null;
  const [key] = useState(newKey);
  const [id, setId] = useState("");
  const [text, setText] = useState<string | null>(null);
  const [problems, setProblems] = useState<readonly string[]>([]);
  const original = input?.payload.is_readable ? JSON.stringify(input.payload.data, null, 2) : null;
  useEffect(() => setText(original), [original]);
  const write = (value: string) => {
    setText(value);
    setProblems([]);
  };
  const orders = async (): Promise<readonly Order[] | null> => {
    const args: Record<string, unknown> = { from_task: task.ordinal, ...(id && { new_id: id }) };
    if (text !== original && text !== null) {
      const { value, wrong } = await checked(task.collateral_name, text);
      setProblems(wrong);
      if (wrong.length > 0) return null;
      args.payload = value;
    }
    return [{ key, kind: "fork", stimulation_id: run.stimulation_id, seen: run.version, arguments: args }];
  };
  return (
    <OrderDialog title={`Fork ${run.stimulation_id}`} verb="Fork" orders={orders}>
      <p>
        A new run begins at <b>{task.neuron_name}</b> #{task.ordinal}, with the contexts of that moment; what follows from it runs again. This run stays as it is.
      </p>
      {found.error && !found.data && <Trouble error={found.error} retry={found.reload} />}
      {!found.data && !found.error && !isLarge && <Waiting what="the input" />}
      {isLarge && <p class="dim">Its input ({bytes(task.input!.bytes)}) is too large to be edited here, and is taken as it is.</p>}
      {text !== null && <JsonEditor label={`Input: ${task.collateral_name}`} text={text} problems={problems} onText={write} />}
      {original !== null && text === original && hiddenIn(input!.payload.data).length > 0 && (
        <p class="dim">Some of it is redacted. Left as it is, the input keeps what is not shown; once it is edited, all of it has to be written.</p>
      )}
      <ContractOf collateral={task.collateral_name} />
      <NewId value={id} onValue={setId} />
    </OrderDialog>
  );
}

async function checked(collateral: string, text: string): Promise<{ value: unknown; wrong: readonly string[] }> {
  const { value, problem } = parsedJson(text);
  if (problem !== null) return { value, wrong: [problem] };
  const hidden = hiddenIn(value);
  if (hidden.length > 0) return { value, wrong: [`What is not shown cannot be sent: write a value at ${hidden.join(", ")}.`] };
  try {
    const found = await problemsOf(collateral, value);
    return { value, wrong: (found ?? []).map((one) => `${one.path}: ${one.message}.`) };
  } catch (error) {
    return { value, wrong: [(error as Error).message] };
  }
}

function ContractOf({ collateral }: { collateral: string }) {
  const found = useFetched(`collateral ${collateral}`, (signal) => ask<CollateralDetail>(["collaterals", refOf(collateral)], {}, signal)).data;
  return found?.contract ? <Schema contract={found.contract} label={collateral} /> : null;
}
