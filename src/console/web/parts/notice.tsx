/** Notices: what went wrong, what is to be known, and that there is nothing. */
import type { ComponentChildren } from "preact";
import { visible } from "../text/visible.ts";

export function Failure({ error, retry }: { error: Error | null; retry?: () => void }) {
  if (error === null) return null;
  return (
    <div class="note bad row" role="alert">
      <span>{visible(error.message)}</span>
      {retry !== undefined && <button type="button" onClick={retry}>Try again</button>}
    </div>
  );
}

export function Note({ tone, children }: { tone?: "warn" | "bad"; children: ComponentChildren }) {
  return <div class={`note ${tone ?? ""}`}>{children}</div>;
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export type Tone = "good" | "warn" | "bad" | "";

export function Tag({ tone = "", children }: { tone?: Tone; children: ComponentChildren }) {
  return <span class={`tag ${tone}`}>{children}</span>;
}
