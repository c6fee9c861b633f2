/** Log lines by their level. */

import type { LogLine } from "../api/types";

/** From the least important on. */
export const LEVELS: readonly string[] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

/** The levels that there are, in order; levels that somebody has made themselves come last. */
export function levelsIn(lines: readonly LogLine[]): string[] {
  const found = new Set(lines.map((line) => line.level));
  return [...LEVELS.filter((level) => found.has(level)), ...[...found].filter((level) => !LEVELS.includes(level)).sort()];
}

/** The lines of a level and above it; of a level that is not known, those alone. */
export function linesFrom(lines: readonly LogLine[], least: string): readonly LogLine[] {
  if (!least) return lines;
  const from = LEVELS.indexOf(least);
  return lines.filter(({ level }) => (from < 0 ? level === least : LEVELS.indexOf(level) >= from));
}

/** The time of the day, to a millisecond. */
export function timeOf(at: number): string {
  const date = new Date(at * 1000);
  const digits = (value: number, many: number) => String(value).padStart(many, "0");
  return `${digits(date.getHours(), 2)}:${digits(date.getMinutes(), 2)}:${digits(date.getSeconds(), 2)}.${digits(date.getMilliseconds(), 3)}`;
}
