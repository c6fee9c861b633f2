/** What a task has logged, from a level on. */

import { useState } from "preact/hooks";
import type { LogLine } from "../api/types";
import { LEVELS, levelsIn, linesFrom, timeOf } from "../logic/log_lines";
import { count } from "../logic/format";
import { Copy } from "../parts/shown";

/** Lines that are drawn at once. */
const MOST = 500;

export function TaskLog({ lines }: { lines: readonly LogLine[] }) {
  const [least, setLeast] = useState("");
  const wanted = linesFrom(lines, least);
  return (
    <div class="log">
      <div class="json-bar">
        <label>
          <span class="sr-only">Level</span>
          <select value={least} onChange={(event) => setLeast(event.currentTarget.value)}>
            <option value="">all levels</option>
            {levelsIn(lines).map((level) => (
              <option key={level} value={level}>
                {level}
                {level !== LEVELS.at(-1) && " and above"}
              </option>
            ))}
          </select>
        </label>
        <span>
          {count(wanted.length)} of {count(lines.length)}
        </span>
        <Copy text={() => wanted.map((line) => `${timeOf(line.at)} ${line.level} ${line.logger_name}: ${line.message}`).join("\n")} what="log" />
      </div>
      <ol class="log-lines mono" tabIndex={0} aria-label="Log">
        {wanted.slice(0, MOST).map((line, index) => (
          <li key={index} class={`is-${line.level.toLowerCase()}`} data-level={line.level}>
            <time dateTime={new Date(line.at * 1000).toISOString()}>{timeOf(line.at)}</time> <b>{line.level}</b> <span class="dim">{line.logger_name}</span>{" "}
            <span class="log-message">{line.message}</span>
          </li>
        ))}
      </ol>
      {wanted.length > MOST && <p class="dim">{count(wanted.length - MOST)} more are in the download.</p>}
    </div>
  );
}
