/** What is around every view: where to go, whether it is live, help, and the door. */

import { useEffect, useRef, useState } from "preact/hooks";
import { isSignedOut, signIn } from "../api/client";
import { connection, isPaused, missed, setPaused, storeTrouble } from "../api/feed";
import { may, meta } from "../api/meta";
import { href } from "../logic/address";
import { Icon, Mark, type IconName } from "./icons";
import { isHelpOpen } from "./keyboard";
import { view } from "./place";
import { nextTheme, theme } from "./theme";

const PLACES: ReadonlyArray<{ name: string; label: string; icon: IconName }> = [
  { name: "runs", label: "Runs", icon: "runs" },
  { name: "graph", label: "Graph", icon: "graph" },
  { name: "neurons", label: "Neurons", icon: "neurons" },
  { name: "stimulate", label: "Stimulate", icon: "stimulate" },
  { name: "actions", label: "Actions", icon: "actions" },
  { name: "health", label: "Health", icon: "health" },
];

export function TopBar() {
  const known = meta.value;
  const places = PLACES.filter(({ name }) => name !== "stimulate" || may("stimulate"));
  return (
    <header class="top">
      <a class="skip" href="#main" onClick={toMain}>
        Skip to content
      </a>
      <a class="brand" href={href(["runs"])}>
        <Mark />
        <span class="brand-name">CNStra</span>
      </a>
      <nav aria-label="Views">
        {places.map(({ name, label, icon }) => (
          <a key={name} href={href([name])} aria-current={view.value === name ? "page" : undefined}>
            <Icon name={icon} />
            <span>{label}</span>
          </a>
        ))}
      </nav>
      <div class="top-end">
        {known && (
          <span class="store" title={`Store: ${known.store}${known.scope && `, scope: ${known.scope}`}`}>
            {known.store}
            {known.scope && <b>{known.scope}</b>}
          </span>
        )}
        {known?.read_only && (
          <span class="read-only" title="These DevTools show, and do nothing">
            <Icon name="lock" />
            <span>Read-only</span>
          </span>
        )}
        <LiveChip />
        <button type="button" class="quiet" aria-label={`Theme: ${theme.value}`} title={`Theme: ${theme.value}`} onClick={nextTheme}>
          <Icon name={theme.value} />
        </button>
        <button type="button" class="quiet" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={() => (isHelpOpen.value = true)}>
          <kbd>?</kbd>
        </button>
      </div>
    </header>
  );
}

/** A link to an id would change the place, which is behind the `#`. */
function toMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function LiveChip() {
  const state = isPaused.value ? "paused" : connection.value;
  const label = { live: "Live", lost: "Reconnecting", connecting: "Connecting", paused: "Paused" }[state];
  return (
    <button
      type="button"
      class={`chip is-${state}`}
      data-live={state}
      aria-pressed={isPaused.value}
      title={isPaused.value ? "Go on (p)" : "Pause live updates (p)"}
      aria-label={`${label}${isPaused.value && missed.value ? `, ${missed.value} new` : ""}: ${isPaused.value ? "go on" : "pause live updates"}`}
      onClick={() => setPaused(!isPaused.value)}
    >
      <span class="dot" />
      <span class="chip-label">{label}</span>
      {isPaused.value && missed.value > 0 && <span class="chip-count">{missed.value} new</span>}
    </button>
  );
}

export function Notices() {
  return (
    <div role="status" class="notices">
      {connection.value === "lost" && <p class="notice">The DevTools server does not answer. The page comes back by itself.</p>}
      {storeTrouble.value && <p class="notice">The store is out of reach: {storeTrouble.value}</p>}
    </div>
  );
}

const KEYS: ReadonlyArray<readonly [string, string]> = [
  ["/", "Search"],
  ["j  k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["f", "First failure of a run"],
  ["r", "Retry a run"],
  ["x", "Pick the row"],
  ["g r", "Runs"],
  ["g g", "Graph"],
  ["g n", "Neurons"],
  ["g s", "Stimulate"],
  ["g a", "Actions"],
  ["g h", "Health"],
  ["p", "Pause live updates, go on"],
  ["t", "Theme: system, light, dark"],
  ["Esc", "Close, leave a field"],
  ["?", "This help"],
];

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isHelpOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isHelpOpen.value]);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={() => (isHelpOpen.value = false)}>
      <header>
        <h2 id="help-title">Keyboard</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={() => (isHelpOpen.value = false)}>
          <Icon name="close" />
        </button>
      </header>
      <dl>
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").filter(Boolean).map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}

/** The session is over: the token opens the door again, and nothing of the place is lost. */
export function SignIn() {
  const [trouble, setTrouble] = useState("");
  if (!isSignedOut.value) return null;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const token = new FormData(event.currentTarget as HTMLFormElement).get("token");
    if (await signIn(String(token)).catch(() => false)) location.reload();
    else setTrouble("That is not the token.");
  };
  return (
    <div class="door" role="dialog" aria-modal="true" aria-labelledby="door-title">
      <form onSubmit={submit}>
        <Mark />
        <h2 id="door-title">Sign in again</h2>
        <p>The session is over. Give the token, or open a new login link.</p>
        <label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required />
        {trouble && <p role="alert">{trouble}</p>}
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
    </div>
  );
}
