/** Dialog: asks for what an action needs, does it, and says what was refused. The browser keeps the focus within it. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Failure } from "./notice.tsx";

export function Dialog(
  { title, act, verb, isDanger, isBlocked, onClose, children }: {
    title: ComponentChildren;
    /** What is done; closes unless it throws or answers false. */
    act: () => Promise<unknown>;
    verb: string;
    isDanger?: boolean;
    /** Whether what is written is not enough yet. */
    isBlocked?: boolean;
    onClose: () => void;
    children: ComponentChildren;
  },
) {
  const element = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<Error | null>(null), [isActing, setActing] = useState(false);
  useEffect(() => {
    const from = document.activeElement;
    element.current?.showModal();
    // Back to what opened it, where that is still there. It is closed by then: an open one lets nothing else have the focus.
    return () => from instanceof HTMLElement && from.focus();
  }, []);
  const submit = async () => {
    setActing(true);
    try {
      const isDone = await act() !== false;
      setError(null);
      if (isDone) element.current?.close();
    } catch (error) {
      setError(error as Error);
    }
    setActing(false);
  };
  return (
    <dialog ref={element} aria-labelledby="dialog-title" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!isActing && !isBlocked) submit();
        }}
      >
        <h2 id="dialog-title">{title}</h2>
        {children}
        <Failure error={error} />
        <div class="actions">
          <button type="button" onClick={() => element.current?.close()}>Cancel</button>
          <button
            type="submit"
            class={isDanger ? "danger" : "main"}
            disabled={isActing || isBlocked}
          >
            {verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Typed by hand before something is deleted for good. */
export function TypedName(
  { name, text, onText }: { name: string; text: string; onText: (text: string) => void },
) {
  return (
    <Field label={`Type ${JSON.stringify(name)}, without the quotes, to delete it for good`}>
      <input
        type="text"
        value={text}
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => onText(currentTarget.value)}
      />
    </Field>
  );
}

export function Field(
  { label, children }: { label: ComponentChildren; children: ComponentChildren },
) {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}
