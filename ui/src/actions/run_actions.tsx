/** What can be done with a run: the buttons in its head. */

import { useLayoutEffect } from "preact/hooks";
import { apiUrl } from "../api/client";
import { may } from "../api/meta";
import type { Run } from "../api/types";
import { obstacle, type Deed } from "../logic/deeds";
import { Icon, type IconName } from "../parts/icons";
import { onKey } from "../parts/keyboard";
import { asked } from "./asked";

const DEEDS: ReadonlyArray<{ what: Deed; label: string; icon: IconName; key?: string }> = [
  { what: "retry", label: "Retry", icon: "retry", key: "r" },
  { what: "abort", label: "Abort", icon: "aborted" },
  { what: "clone", label: "Clone", icon: "copy" },
  { what: "delete", label: "Delete", icon: "trash" },
];

export function RunActions({ run }: { run: Run }) {
  const possible = DEEDS.filter(({ what }) => may(what) && obstacle(what, run) === null);
  const canRetry = possible.some(({ what }) => what === "retry");
  useLayoutEffect(() => (canRetry ? onKey("r", () => (asked.value = { what: "retry", run })) : undefined), [canRetry, run]);
  return (
    <div class="actions" role="group" aria-label="Actions">
      {possible.map(({ what, label, icon, key }) => (
        <button key={what} type="button" class={what === "retry" ? "primary" : ""} onClick={() => (asked.value = { what, run })}>
          <Icon name={icon} /> {label}… {key && <kbd aria-hidden="true">{key}</kbd>}
        </button>
      ))}
      <a class="button" href={apiUrl(["runs", run.ref, "export"])} download>
        <Icon name="download" /> Download
      </a>
    </div>
  );
}
