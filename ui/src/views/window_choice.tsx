/** How far back numbers look: kept in the address. */

import { adjust, place } from "../parts/place";

const WINDOWS: ReadonlyArray<readonly [number, string]> = [
  [3600, "hour"],
  [86400, "day"],
  [604800, "week"],
];

export function chosenWindow(): number {
  const given = Number(place.value.query.get("window") ?? 3600);
  return WINDOWS.some(([seconds]) => seconds === given) ? given : 3600;
}

export function WindowChoice() {
  const chosen = chosenWindow();
  return (
    <div class="segmented" role="group" aria-label="Looking back">
      {WINDOWS.map(([seconds, label]) => (
        <button key={seconds} type="button" aria-pressed={seconds === chosen} onClick={() => adjust({ window: seconds === 3600 ? null : seconds })}>
          Last {label}
        </button>
      ))}
    </div>
  );
}
