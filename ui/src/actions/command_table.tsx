/** Who ordered what, when, and what came of it: the latest first, page by page. */

import { useEffect, useState } from "preact/hooks";
import { ask } from "../api/client";
import { useFetched } from "../api/fetched";
import { listen } from "../api/feed";
import type { Command, CommandPage } from "../api/types";
import { changed, href } from "../logic/address";
import { place } from "../parts/place";
import { Ago, Empty, Trouble, Waiting } from "../parts/shown";
import { CommandPill } from "./command_pill";

const PAGE = 50;

/** Those that are about one run, or all. */
export function CommandTable({ run = null }: { run?: string | null }) {
  const cursor = place.value.query.get("cursor");
  const page = useFetched(`commands ${run} ${cursor}`, (signal) => ask<CommandPage>(["commands"], { run, cursor, limit: PAGE }, signal));
  const commands = useMoving(page.data, run, cursor === null);
  if (page.error && !page.data) return <Trouble error={page.error} retry={page.reload} />;
  if (!page.data) return <Waiting what="the actions" />;
  if (commands.length === 0) return <Empty title={run === null ? "Nothing has been done by hand yet" : "Nothing has been done to this run by hand"} />;
  return (
    <>
      <div class="card table-card">
        <table class="commands" aria-label="Actions">
          <thead>
            <tr>
              <th scope="col">Outcome</th>
              <th scope="col">Action</th>
              {run === null && <th scope="col">Run</th>}
              <th scope="col">By</th>
              <th scope="col">When</th>
            </tr>
          </thead>
          <tbody>
            {commands.map((command) => (
              <Row key={command.key} command={command} hasRun={run === null} />
            ))}
          </tbody>
        </table>
      </div>
      <nav class="pages" aria-label="Pages">
        {cursor !== null && <a href={changed(place.value, { cursor: null })}>Newest</a>}
        {page.data.cursor && (
          <a href={changed(place.value, { cursor: page.data.cursor })} rel="next">
            Older actions
          </a>
        )}
      </nav>
    </>
  );
}

/** A page with what has happened since; what is new comes to the first one. */
function useMoving(page: CommandPage | null, run: string | null, isFirst: boolean): readonly Command[] {
  const [commands, setCommands] = useState<readonly Command[]>([]);
  useEffect(() => setCommands(page?.commands ?? []), [page]);
  useEffect(
    () =>
      listen("command", (command) =>
        setCommands((old) => {
          const at = old.findIndex((one) => one.key === command.key);
          if (at >= 0) return old.with(at, command);
          return isFirst && (run === null || command.ref === run) ? [command, ...old].sort((a, b) => b.number - a.number).slice(0, PAGE) : old;
        }),
      ),
    [run, isFirst],
  );
  return commands;
}

function Row({ command, hasRun }: { command: Command; hasRun: boolean }) {
  const details = JSON.stringify(command.arguments);
  return (
    <tr data-command-key={command.key}>
      <td>
        <CommandPill status={command.status} />
        {command.outcome && <p class="sentence">{command.outcome}</p>}
        {command.made && (
          <p class="sentence">
            <a class="mono" href={href(["runs", command.made.ref])}>
              {command.made.stimulation_id}
            </a>
          </p>
        )}
      </td>
      <td>
        <b>{command.kind}</b>
        {details !== "{}" && <p class="sentence mono dim">{details}</p>}
      </td>
      {hasRun && (
        <td>
          {command.ref === null ? (
            <span class="dim">–</span>
          ) : (
            <a class="mono run-link" data-row href={href(["runs", command.ref])}>
              {command.stimulation_id}
            </a>
          )}
        </td>
      )}
      <td>
        {command.actor}
        {command.taken_by && <p class="sentence dim">done by {command.taken_by}</p>}
      </td>
      <td>
        <Ago at={command.ordered_at} />
      </td>
    </tr>
  );
}
