/** Asks for the id of a run that is to be made. */

export function NewId({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  return (
    <label class="field">
      <span>Id of the new run, made if this is empty</span>
      <input name="new_id" value={value} autocomplete="off" spellcheck={false} onInput={(event) => onValue(event.currentTarget.value.trim())} />
    </label>
  );
}
