/** Numbers and times as people read them. */

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** Seconds as a duration of two units at most. */
export function duration(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 0.001) return s === 0 ? "0 ms" : `${Math.max(1, Math.round(s * 1e6))} µs`;
  if (s < 0.9995) return `${s < 0.01 ? (s * 1e3).toFixed(1) : Math.round(s * 1e3)} ms`;
  if (s < 9.995) return `${s.toFixed(2)} s`;
  if (s < 59.95) return `${s.toFixed(1)} s`;
  if (s < HOUR) return pair(s, MINUTE, "min", 1, "s");
  if (s < DAY) return pair(s, HOUR, "h", MINUTE, "min");
  return pair(s, DAY, "d", HOUR, "h");
}

/** Seconds that still go on: whole ones, so that they do not flicker. */
export function lasting(seconds: number): string {
  return seconds < MINUTE ? `${Math.max(0, Math.floor(seconds))} s` : duration(Math.floor(seconds));
}

function pair(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const whole = Math.round(seconds / small) * small;
  const rest = Math.round((whole % large) / small);
  return `${Math.floor(whole / large)} ${largeName}${rest ? ` ${rest} ${smallName}` : ""}`;
}

/** How long ago something was; what is older than a week has its date. */
export function ago(at: number, now: number): string {
  const s = now - at;
  if (s < -1) return `in ${duration(-s)}`;
  if (s < 2) return "just now";
  if (s < MINUTE) return `${Math.floor(s)} s ago`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)} min ago`;
  if (s < DAY) return `${Math.floor(s / HOUR)} h ago`;
  if (s < 7 * DAY) return `${Math.floor(s / DAY)} d ago`;
  return moment(at).slice(0, 10);
}

/** A time as `2026-11-28 01:02:03`, where the reader is. */
export function moment(at: number): string {
  const date = new Date(at * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let value = size;
  let unit = -1;
  do {
    value /= 1024;
    unit += 1;
  } while (value >= 1024 && unit < units.length - 1);
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 task`, `2 tasks`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** The class of what failed, and the rest: of a run it is what failed first in it, which its message begins with. */
export function nameAndRest(error: { type_name: string; message: string }): [string, string] {
  const first = /^(\w[\w.<>]*) (in (?:neuron|a response listener).*)$/s.exec(error.message);
  return error.type_name === "StimulationFailed" && first ? [first[1]!, first[2]!] : [error.type_name, error.message];
}
