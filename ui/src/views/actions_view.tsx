/** Everything that was done by hand. */

import { CommandTable } from "../actions/command_table";

export function ActionsView() {
  return (
    <>
      <div class="title">
        <h1>Actions</h1>
        <span class="dim">what people and assistants have ordered, and what came of it</span>
      </div>
      <CommandTable />
    </>
  );
}
