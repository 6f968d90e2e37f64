/** Value: the bytes of a record, as text, as JSON or in hex. */
import { useMemo, useState } from "preact/hooks";
import type { Bytes } from "../../api.ts";
import { bytes, exact } from "../format/numbers.ts";
import { bytesOf, hexRows } from "../text/hex.ts";
import { jsonTree } from "../text/json_tree.ts";
import { JsonView } from "./json_view.tsx";
import { Pieces } from "./name.tsx";

/** A page that is read has no more; the rest is a click away, or in the download. */
const MAX_TEXT = 100_000, MAX_HEX_ROWS = 4096;

type Form = "text" | "json" | "hex";

export function Value({ label, value }: { label: string; value: Bytes | null }) {
  const tree = useMemo(
    () => value?.encoding === "utf8" && !value.isCut ? jsonTree(value.text) : null,
    [value],
  );
  const [chosen, choose] = useState<Form | null>(null), [isWhole, setWhole] = useState(false);
  if (value === null) return <p class="muted">{label}: null</p>;
  const root = tree?.kind === "tree" ? tree.root : null;
  const isTree = root !== null && (root.kind === "object" || root.kind === "array");
  const form = chosen ?? (value.encoding === "base64" ? "hex" : isTree ? "json" : "text");
  const forms: readonly (readonly [Form, string, boolean])[] = [
    ["text", "Text", value.encoding === "utf8"],
    ["json", "JSON", root !== null],
    ["hex", "Hex", true],
  ];
  return (
    <section class="stack" aria-label={label}>
      <div class="row">
        <h2 class="minor">{label}</h2>
        <span class="small muted">
          {bytes(value.bytes)}
          {value.isCut && ", of which a part is shown"}
        </span>
        <div class="segments" role="group" aria-label={`${label} as`}>
          {forms.map(([one, title, is]) => (
            <button
              key={one}
              type="button"
              aria-pressed={one === form}
              disabled={!is}
              onClick={() => choose(one)}
            >
              {title}
            </button>
          ))}
        </div>
      </div>
      {form === "json" && root !== null && <JsonView root={root} />}
      {form === "text" && (
        <Text
          text={value.text}
          isWhole={isWhole}
          onWhole={() => setWhole(true)}
        />
      )}
      {form === "hex" && <Hex value={value} />}
    </section>
  );
}

function Text({ text, isWhole, onWhole }: { text: string; isWhole: boolean; onWhole: () => void }) {
  const shown = isWhole ? text : text.slice(0, MAX_TEXT);
  return (
    <>
      <pre class="value" tabIndex={0} dir="auto"><Pieces text={shown} keepsLines /></pre>
      {shown.length < text.length && (
        <button type="button" onClick={onWhole}>
          Show the other {exact(text.length - shown.length)} characters
        </button>
      )}
    </>
  );
}

function Hex({ value }: { value: Bytes }) {
  const all = useMemo(() => bytesOf(value), [value]);
  const rows = useMemo(() => hexRows(all, MAX_HEX_ROWS), [all]);
  return (
    <>
      <pre class="value hex" tabIndex={0}>
        {rows.map(({ at, hex, text }) => `${at}  ${hex}  ${text}\n`).join("")}
      </pre>
      {all.length > MAX_HEX_ROWS * 16 && <p class="small muted">The rest is in the download.</p>}
    </>
  );
}
