/** A dialog in which something is ordered, and in which is seen what came of it. */

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../parts/icons";
import { asked } from "./asked";
import { isLost, useSender, type Order } from "./orders";
import { Outcome } from "./outcome";

interface OrderDialogProps {
  readonly title: string;
  readonly verb: string;
  readonly isDanger?: boolean;
  /** What is ordered when that is confirmed; `null` if it cannot be. */
  readonly orders: () => Promise<readonly Order[] | null> | readonly Order[] | null;
  readonly children: ComponentChildren;
}

const VERBS_MEANWHILE = { ready: null, sending: "Sending…", again: "No answer: sending it again…", sent: null };

export function OrderDialog({ title, verb, isDanger = false, orders, children }: OrderDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const first = useRef<HTMLButtonElement>(null);
  const leave = useRef<HTMLButtonElement>(null);
  const sender = useSender();
  const [placed, setPlaced] = useState<readonly Order[]>([]);
  const isSent = sender.step === "sent";
  // Perhaps it was taken and only the answer was lost: then the same is sent again, or nothing.
  const isUncertain = sender.error !== null && isLost(sender.error);
  useLayoutEffect(() => {
    dialog.current!.showModal();
    first.current!.focus(); // on what undoes nothing, where there is something that cannot be undone
  }, []);
  useEffect(() => {
    if (isSent) leave.current!.focus();
  }, [isSent]);
  const close = () => dialog.current!.close();
  const confirm = async (event: Event) => {
    event.preventDefault();
    const wanted = isUncertain ? placed : await orders();
    if (wanted === null) return;
    setPlaced(wanted);
    sender.send(wanted);
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="dialog-title" onClose={() => (asked.value = null)}>
      <form onSubmit={confirm}>
        <header>
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="quiet" aria-label="Close the dialog" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        <div class="dialog-body">
          {isSent ? (
            <Outcome orders={placed} onLeave={close} />
          ) : (
            <fieldset class="plain" disabled={sender.step !== "ready" || isUncertain}>
              {children}
            </fieldset>
          )}
          {sender.error && (
            <p class="trouble" role="alert">
              {sender.error.message}
            </p>
          )}
        </div>
        <footer>
          {isSent ? (
            <button type="button" class="primary" ref={leave} onClick={close}>
              Close
            </button>
          ) : (
            <>
              <button type="button" ref={isDanger ? first : null} onClick={close}>
                Cancel
              </button>
              <button type="submit" class={`primary ${isDanger ? "is-danger" : ""}`} ref={isDanger ? null : first} aria-busy={sender.step !== "ready"}>
                {VERBS_MEANWHILE[sender.step] ?? verb}
              </button>
            </>
          )}
        </footer>
      </form>
    </dialog>
  );
}
