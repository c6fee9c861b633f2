/** JSON data as the rows of a tree that is folded and unfolded; a long text unfolds into its lines. */

export type Marker = "redacted" | "cut" | "number" | "unreadable";
export type Kind = "object" | "array" | "text" | "piece" | "number" | "boolean" | "null" | Marker;

export interface Row {
  /** Where the value is, such as `.cards[3].image`: it names the row, too. */
  readonly path: string;
  readonly depth: number;
  /** Key or index; `null` for the whole, and for a piece of a text. */
  readonly key: string | null;
  readonly kind: Kind;
  readonly text: string;
  readonly isFoldable: boolean;
  readonly isOpen: boolean;
}

const PIECE = 120;
/** What has few parts, and is not deep, is open until it is folded. */
const OPEN_DEPTH = 2;
const OPEN_PARTS = 30;

/** Return the rows that are to be seen, with the paths in *toggled* folded if they would be open, and open if not. */
export function rowsOf(data: unknown, toggled: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  visit(data, null, "", 0, rows, toggled);
  return rows;
}

function visit(value: unknown, key: string | null, path: string, depth: number, rows: Row[], toggled: ReadonlySet<string>) {
  const marked = markerOf(value);
  if (marked) {
    rows.push({ path, depth, key, ...marked, isFoldable: false, isOpen: false });
  } else if (typeof value === "string") {
    text(value, key, path, depth, rows, toggled);
  } else if (value !== null && typeof value === "object") {
    branch(value, key, path, depth, rows, toggled);
  } else {
    const kind = value === null ? "null" : typeof value === "number" ? "number" : "boolean";
    rows.push({ path, depth, key, kind, text: String(value), isFoldable: false, isOpen: false });
  }
}

function branch(value: object, key: string | null, path: string, depth: number, rows: Row[], toggled: ReadonlySet<string>) {
  const isArray = Array.isArray(value);
  const keys = isArray ? null : Object.keys(value);
  const length = isArray ? value.length : keys!.length;
  const isOpen = (depth < OPEN_DEPTH && length <= OPEN_PARTS) !== toggled.has(path) && length > 0;
  const summary = isArray ? `[${length || ""}]` : length === 0 ? "{}" : `{${isOpen ? "" : preview(keys!)}}`;
  rows.push({ path, depth, key, kind: isArray ? "array" : "object", text: summary, isFoldable: length > 0, isOpen });
  if (!isOpen) return;
  if (isArray) {
    value.forEach((item, index) => visit(item, String(index), `${path}[${index}]`, depth + 1, rows, toggled));
  } else {
    const object = value as Record<string, unknown>;
    for (const name of keys!) visit(object[name], name, `${path}.${name}`, depth + 1, rows, toggled);
  }
}

function text(value: string, key: string | null, path: string, depth: number, rows: Row[], toggled: ReadonlySet<string>) {
  const isLong = value.length > PIECE || value.includes("\n");
  const isOpen = isLong && toggled.has(path);
  const first = isLong ? `${value.slice(0, PIECE).replaceAll("\n", "⏎")}…` : value;
  rows.push({ path, depth, key, kind: "text", text: JSON.stringify(first), isFoldable: isLong, isOpen });
  if (!isOpen) return;
  let number = 0;
  for (const line of value.split("\n")) {
    for (let at = 0; at === 0 || at < line.length; at += PIECE) {
      const piece = line.slice(at, at + PIECE);
      rows.push({ path: `${path}#${number}`, depth: depth + 1, key: null, kind: "piece", text: piece, isFoldable: false, isOpen: false });
      number += 1;
    }
  }
}

function preview(keys: readonly string[]): string {
  const shown = keys.slice(0, 4).join(", ");
  return keys.length > 4 ? `${shown}, …` : shown;
}

/** What the API puts where it does not show something: an object with one key. */
function markerOf(value: unknown): { kind: Marker; text: string } | null {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  const entries = Object.entries(value);
  if (entries.length !== 1) return null;
  const [name, what] = entries[0]!;
  if (name === "$redacted") return { kind: "redacted", text: what === "key" || what === "type" ? "redacted" : `redacted: ${what}` };
  if (name === "$number") return { kind: "number", text: String(what) };
  if (name === "$unreadable") return { kind: "unreadable", text: String(what) };
  return name === "$cut" && what !== null && typeof what === "object" ? { kind: "cut", text: cutOf(what) } : null;
}

function cutOf(what: object): string {
  const { text: beginning, characters, items, keys } = what as Record<string, unknown>;
  if (beginning !== undefined) return `${JSON.stringify(String(beginning).slice(0, PIECE))}… (${characters} characters)`;
  return items === undefined ? `${keys} more keys` : `${items} more items`;
}

/** The paths at which two values differ, with what is there; an end to it after *most*. */
export function differences(before: unknown, after: unknown, most = 50): { path: string; before: unknown; after: unknown }[] {
  const found: { path: string; before: unknown; after: unknown }[] = [];
  const compare = (a: unknown, b: unknown, path: string) => {
    if (found.length >= most || a === b) return;
    if (isBranch(a) && isBranch(b) && Array.isArray(a) === Array.isArray(b)) {
      const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
      const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
      for (const key of keys) compare(left[key], right[key], Array.isArray(a) ? `${path}[${key}]` : `${path}.${key}`);
    } else {
      found.push({ path: path || "$", before: a, after: b });
    }
  };
  compare(before, after, "");
  return found;
}

function isBranch(value: unknown): value is object {
  return value !== null && typeof value === "object";
}
