/** Small pictures, all drawn with the current colour. */

const PATHS = {
  pending: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 5v3.2l2 1.3",
  running: "M8 2.5a5.5 5.5 0 0 1 5.5 5.5",
  completed: "m3.5 8.5 3 3 6-7",
  failed: "m4 4 8 8M12 4l-8 8",
  aborted: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M4.2 4.2l7.6 7.6",
  left: "M4 8h8M9 5l3 3-3 3",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  download: "M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10",
  close: "m4 4 8 8M12 4l-8 8",
  open: "m6 4 4 4-4 4",
  system: "M2.5 3.5h11v7h-11zM6 13.5h4M8 10.5v3",
  light: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
  dark: "M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  runs: "M2.5 4h2M2.5 8h2M2.5 12h2M7 4h6.5M7 8h6.5M7 12h6.5",
  graph: "M4 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4M12 2a2 2 0 1 0 0 4 2 2 0 0 0 0-4M12 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4M6 7l4-2M6 9l4 2",
  neurons: "M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5M8 5.5V2M8 10.5V14M5.5 8H2M10.5 8H14",
  health: "M1.5 8.5h3l2-5 3 9 2-4h3",
  plus: "M8 3.5v9M3.5 8h9",
  minus: "M3.5 8h9",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  retry: "M13 8a5 5 0 1 1-1.5-3.5M13.5 2v3.2h-3.2",
  trash: "M3 4.5h10M6 4.5V3h4v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  stimulate: "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z",
  actions: "M3 13V3h7l3 3v7zM5.5 8h5M5.5 10.5h5",
  lock: "M4 7h8v6.5H4zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.5 10.5l3 3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M11 16h4M17.6 14.4 21 10.6M17.6 17.6 21 21.4" />
      <circle cx="8.6" cy="16" r="3" />
      <circle cx="16.4" cy="16" r="2.4" />
      <circle cx="22.6" cy="9" r="3" />
      <circle cx="22.6" cy="23" r="3" />
    </svg>
  );
}
