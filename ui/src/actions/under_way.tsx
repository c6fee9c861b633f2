/** What has been ordered for a run and is not done yet, whoever ordered it. */

import { useEffect } from "preact/hooks";
import { ask } from "../api/client";
import { useFetched } from "../api/fetched";
import { listen } from "../api/feed";
import type { CommandPage } from "../api/types";
import { Ago } from "../parts/shown";
import { CommandPill } from "./command_pill";
import { isOver } from "./orders";

const LATEST = 10;

export function UnderWay({ runRef }: { runRef: string }) {
  const page = useFetched(`orders of ${runRef}`, (signal) => ask<CommandPage>(["commands"], { run: runRef, limit: LATEST }, signal));
  useEffect(() => listen("command", (command) => command.ref === runRef && page.reload()), [runRef]);
  const open = page.data?.commands.filter((command) => !isOver(command)) ?? [];
  return (
    <div role="status">
      {open.map((command) => (
        <p key={command.key} class="under-way" data-under-way={command.kind}>
          <CommandPill status={command.status} /> {command.kind}, ordered by {command.actor} <Ago at={command.ordered_at} />
        </p>
      ))}
    </div>
  );
}
