/** Name: a text that a client chose. It is text whatever is in it, and what could mislead is seen. */
import { piecesOf } from "../text/visible.ts";

/** `keepsLines`: for values, where ends of lines stay. */
export function Pieces({ text, keepsLines }: { text: string; keepsLines?: boolean }) {
  const pieces = piecesOf(text, { keepsLines });
  return (
    <>
      {pieces.map(({ text, isEscape }, at) =>
        isEscape ? <span class="escape" key={at}>{text}</span> : text
      )}
    </>
  );
}

/** Writing from right to left stays within it: <bdi>. */
export function Name({ text }: { text: string | null }) {
  if (text === null) return <span class="muted">none</span>;
  if (text === "") return <span class="muted">(empty)</span>;
  return (
    <bdi class="name">
      <Pieces text={text} />
    </bdi>
  );
}
