/** A value as JSON that can be written. */

import { useId } from "preact/hooks";
import { parsedJson } from "../logic/schema_form";

interface JsonEditorProps {
  readonly label: string;
  readonly text: string;
  readonly rows?: number;
  /** What somebody else finds wrong with it. */
  readonly problems?: readonly string[];
  readonly onText: (text: string) => void;
}

export function JsonEditor({ label, text, rows = 12, problems = [], onText }: JsonEditorProps) {
  const id = useId();
  const { problem } = parsedJson(text);
  const all = problem === null ? problems : [problem];
  return (
    <label class="field json-editor">
      <span>{label}</span>
      <textarea
        class="mono"
        rows={rows}
        value={text}
        spellcheck={false}
        autocomplete="off"
        aria-invalid={all.length > 0}
        aria-describedby={all.length > 0 ? id : undefined}
        onInput={(event) => onText(event.currentTarget.value)}
      />
      {all.length > 0 && (
        <span class="problem" id={id}>
          {all.join(" ")}
        </span>
      )}
    </label>
  );
}
