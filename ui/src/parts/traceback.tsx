/** An error with its whole traceback, in which the places and the chain are seen at a glance. */

import type { Error as StoredError } from "../api/types";
import { Copy } from "./shown";

const CHAIN = /^[\s|+-]*(?:The above exception was the direct cause|During handling of the above exception)/;
const FRAME = /^[\s|]*File "/;
const RAISED = /^[\s|]*[A-Za-z_][\w.]*(?:Error|Exception|Group|Interrupt|Exit|Timeout|Failed|Aborted|Exceeded|Warning)\b/;

export function Traceback({ error }: { error: StoredError }) {
  const text = error.traceback.trimEnd() || `${error.type_name}: ${error.message}`;
  return (
    <section class="error" aria-label="Error">
      <header>
        <h3>{error.type_name}</h3>
        <Copy text={text} what="traceback" />
      </header>
      <p class="error-message">{error.message}</p>
      <pre class="traceback" tabIndex={0} data-traceback>
        {text.split("\n").map((line, index) => (
          <span key={index} class={classOf(line)}>
            {line}
            {"\n"}
          </span>
        ))}
      </pre>
    </section>
  );
}

function classOf(line: string): string | undefined {
  if (CHAIN.test(line)) return "is-chain";
  if (FRAME.test(line)) return "is-frame";
  return RAISED.test(line) ? "is-raised" : undefined;
}
