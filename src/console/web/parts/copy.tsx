/** Copy: puts a text where it can be pasted from. */
import { useState } from "preact/hooks";

const SAID_MS = 2000;

export function Copy({ text, label }: { text: string; label: string }) {
  const [said, say] = useState("");
  const copy = async () => {
    say(await copied(text) ? "Copied" : "The browser does not allow it: select the text");
    setTimeout(() => say(""), SAID_MS);
  };
  return (
    <>
      <button type="button" onClick={copy}>{label}</button>
      <span class="small muted" role="status">{said}</span>
    </>
  );
}

/** A page that is neither HTTPS nor localhost has no clipboard but the old way's. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand("copy");
    area.remove();
    return isDone;
  }
}
