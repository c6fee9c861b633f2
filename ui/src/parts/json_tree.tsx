/** A value as a tree to fold and unfold; a large one is fetched whole only when it is asked for. */

import { useMemo, useState } from "preact/hooks";
import type { Value } from "../api/types";
import { bytes } from "../logic/format";
import { rowsOf, type Row } from "../logic/json_rows";
import { Rows } from "./rows";
import { Copy } from "./shown";

const HEIGHT = 22;
const MOST = 420;

interface JsonTreeProps {
  readonly value: Value;
  readonly label: string;
  /** Gets the value whole. */
  readonly loadWhole?: (() => Promise<void>) | undefined;
}

export function JsonTree({ value, label, loadWhole }: JsonTreeProps) {
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [isBusy, setBusy] = useState(false);
  const rows = useMemo(() => rowsOf(value.data, toggled), [value, toggled]);
  const toggle = (path: string) => {
    const next = new Set(toggled);
    if (!next.delete(path)) next.add(path);
    setToggled(next);
  };
  const load = async () => {
    setBusy(true);
    await loadWhole!().catch(() => {});
    setBusy(false);
  };
  return (
    <div class="json" data-json={label}>
      <div class="json-bar">
        <span>{bytes(value.bytes)}</span>
        {value.is_cut && <span class="note">beginning only</span>}
        {value.is_cut && loadWhole && (
          <button type="button" class="small" disabled={isBusy} onClick={load}>
            {isBusy ? "Loading…" : `Load all of it (${bytes(value.bytes)})`}
          </button>
        )}
        <Copy text={() => JSON.stringify(value.data, null, 2)} what={label} />
      </div>
      <Rows items={rows} height={HEIGHT} most={MOST} role="list" label={label} render={(row) => <JsonRow key={row.path} row={row} toggle={toggle} />} />
    </div>
  );
}

function JsonRow({ row, toggle }: { row: Row; toggle: (path: string) => void }) {
  const indent = { paddingInlineStart: `${row.depth * 16 + 20}px` };
  const content = (
    <>
      {row.key !== null && <span class="json-key">{row.key}</span>}
      <span class={`json-value is-${row.kind}`}>{row.text}</span>
    </>
  );
  if (!row.isFoldable) {
    return (
      <div role="listitem" class="json-row" style={indent}>
        {content}
      </div>
    );
  }
  return (
    <div role="listitem" class="json-row">
      <button type="button" class="json-fold" style={indent} aria-expanded={row.isOpen} onClick={() => toggle(row.path)}>
        {content}
      </button>
    </div>
  );
}
