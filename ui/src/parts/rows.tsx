/** A long list of rows of one height, of which only those that can be seen are there. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

interface RowsProps<T> {
  readonly items: readonly T[];
  readonly height: number;
  /** Pixels of the list at most; a shorter one takes what it needs. */
  readonly most: number;
  readonly render: (item: T, index: number) => ComponentChildren;
  /** Index that is to be seen. */
  readonly shown?: number | undefined;
  readonly class?: string;
  readonly role?: "rowgroup" | "list" | "tree";
  readonly label?: string;
}

const AROUND = 8;

export function Rows<T>({ items, height, most, render, shown, label, role, ...rest }: RowsProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const visible = Math.min(most, items.length * height);

  useEffect(() => {
    if (shown === undefined || shown < 0 || !box.current) return;
    const [from, to] = [box.current.scrollTop, box.current.scrollTop + visible];
    if (shown * height < from) box.current.scrollTop = shown * height;
    else if ((shown + 1) * height > to) box.current.scrollTop = (shown + 1) * height - visible;
  }, [shown]);

  const first = Math.max(0, Math.min(Math.floor(top / height), items.length) - AROUND);
  const last = Math.min(items.length, Math.ceil((top + visible) / height) + AROUND);
  return (
    <div
      ref={box}
      class={`rows ${rest.class ?? ""}`}
      style={{ maxHeight: `${most}px` }}
      role={role}
      aria-label={label}
      tabIndex={items.length * height > most ? 0 : undefined}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <div role="presentation" style={{ paddingTop: `${first * height}px`, paddingBottom: `${(items.length - last) * height}px` }}>
        {items.slice(first, last).map((item, index) => render(item, first + index))}
      </div>
    </div>
  );
}
