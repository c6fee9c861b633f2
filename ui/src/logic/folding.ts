/** A time axis on which the stretches where nothing happens are folded away. */

export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Fold extends Span {
  /** Where the fold is drawn, from 0 to 1. */
  readonly at: number;
  readonly width: number;
}

export interface Axis {
  readonly start: number;
  readonly end: number;
  readonly folds: readonly Fold[];
  /** Where a time is, from 0 to 1. */
  place(at: number): number;
  readonly ticks: ReadonlyArray<{ readonly at: number; readonly seconds: number }>;
}

interface Stretch extends Span {
  readonly isFold: boolean;
  readonly from: number;
  readonly to: number;
}

const FOLD_WIDTH = 0.05;
/** A gap is folded away if it is longer than all the work together times this, and than a second. */
const LONG = 0.35;
const LEAST = 1;

/**
 * Make an axis on which *busy* is seen well.
 *
 * Only gaps that would take more than a good part of the axis are folded, and never so many that the folds are all that is left.
 */
export function axisOf(busy: readonly Span[]): Axis {
  const merged = union(busy);
  const work = merged.reduce((sum, span) => sum + span.end - span.start, 0);
  const limit = Math.max(LEAST, work * LONG);
  const gaps = merged
    .slice(1)
    .map((span, index) => ({ start: merged[index]!.end, end: span.start }))
    .filter((gap) => gap.end - gap.start > limit)
    .sort((a, b) => b.end - b.start - (a.end - a.start))
    .slice(0, 8)
    .sort((a, b) => a.start - b.start);
  return axis(stretches(merged, gaps));
}

function union(spans: readonly Span[]): Span[] {
  const merged: { start: number; end: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && span.start <= last.end) last.end = Math.max(last.end, span.end);
    else merged.push({ start: span.start, end: Math.max(span.start, span.end) });
  }
  return merged;
}

function stretches(merged: readonly Span[], gaps: readonly Span[]): Stretch[] {
  const start = merged[0]?.start ?? 0;
  const end = Math.max(merged.at(-1)?.end ?? 0, start + 0.001);
  const folded = gaps.reduce((sum, gap) => sum + gap.end - gap.start, 0);
  const scale = (1 - gaps.length * FOLD_WIDTH) / Math.max(end - start - folded, 1e-9);
  const found: Stretch[] = [];
  let at = start;
  let to = 0;
  const add = (until: number, isFold: boolean) => {
    const from = to;
    to += isFold ? FOLD_WIDTH : (until - at) * scale;
    found.push({ start: at, end: until, isFold, from, to });
    at = until;
  };
  for (const gap of gaps) {
    add(gap.start, false);
    add(gap.end, true);
  }
  add(end, false);
  return found;
}

function axis(parts: readonly Stretch[]): Axis {
  const start = parts[0]!.start;
  const end = parts.at(-1)!.end;
  const place = (at: number): number => {
    const part = parts.find((one) => at <= one.end) ?? parts.at(-1)!;
    const length = part.end - part.start;
    const share = length > 0 ? Math.min(1, Math.max(0, (at - part.start) / length)) : 0;
    return part.from + share * (part.to - part.from);
  };
  const folds = parts.filter((part) => part.isFold);
  const shown = folds.map((part) => ({ start: part.start, end: part.end, at: part.from, width: part.to - part.from }));
  return { start, end, folds: shown, place, ticks: ticks(parts, start) };
}

/** Round times since the start, so many that their labels have room. */
function ticks(parts: readonly Stretch[], start: number): { at: number; seconds: number }[] {
  const found: { at: number; seconds: number }[] = [];
  for (const part of parts.filter((one) => !one.isFold)) {
    const room = Math.floor((part.to - part.from) * 8);
    const length = part.end - part.start;
    if (room < 1 || length <= 0) continue;
    const step = roundUp(length / room);
    for (let n = Math.max(0, Math.ceil((part.start - start) / step - 1e-6)); n * step <= part.end - start + 1e-9; n += 1) {
      const at = part.from + ((n * step + start - part.start) / length) * (part.to - part.from);
      if (at <= 0.97 && (found.length === 0 || at - found.at(-1)!.at > 0.07)) found.push({ at, seconds: n * step });
    }
  }
  return found;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

function roundUp(seconds: number): number {
  const step = seconds >= 1 ? STEPS.find((one) => one >= seconds) : undefined;
  if (step !== undefined) return step;
  const power = 10 ** Math.floor(Math.log10(Math.max(seconds, 1e-9)));
  return power * (seconds <= power ? 1 : seconds <= 2 * power ? 2 : seconds <= 5 * power ? 5 : 10);
}
