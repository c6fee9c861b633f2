/** How far a command is. */

import type { CommandStatus } from "../api/types";
import { Icon, type IconName } from "../parts/icons";

const ICONS: Readonly<Record<CommandStatus, IconName>> = { waiting: "pending", taken: "running", done: "completed", refused: "failed" };
const TONES: Readonly<Record<CommandStatus, string>> = { waiting: "pending", taken: "running", done: "done", refused: "failed" };

export function CommandPill({ status }: { status: CommandStatus }) {
  return (
    <span class={`pill is-${TONES[status]}`} data-command={status}>
      <Icon name={ICONS[status]} />
      {status}
    </span>
  );
}
