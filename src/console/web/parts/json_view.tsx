/** JSON view: a value as a tree to open and close. What is closed costs nothing, and long lists come in parts. */
import { useState } from "preact/hooks";
import { counted, exact } from "../format/numbers.ts";
import type { JsonNode } from "../text/json_tree.ts";
import { Pieces } from "./name.tsx";

const AT_ONCE = 100;
/** Open from the beginning: so deep, where there are so few. */
const OPEN_DEPTH = 3, OPEN_CHILDREN = 25;

export function JsonView({ root }: { root: JsonNode }) {
  return (
    <div class="value tree">
      <Node node={root} depth={0} />
    </div>
  );
}

function Node({ node, depth, at }: { node: JsonNode; depth: number; at?: number }) {
  const { kind, key, children } = node;
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH && children.length <= OPEN_CHILDREN);
  const [shown, setShown] = useState(AT_ONCE);
  const name = key !== null
    ? (
      <span class="member">
        <Pieces text={JSON.stringify(key)} />:{" "}
      </span>
    )
    : at !== undefined && <span class="member">{`${at}: `}</span>;
  if (kind !== "object" && kind !== "array") {
    return (
      <>
        {name}
        <Scalar node={node} />
      </>
    );
  }
  const count = kind === "object"
    ? counted(children.length, "member")
    : counted(children.length, "item");
  if (children.length === 0) return <>{name}{kind === "object" ? "{}" : "[]"}</>;
  return (
    <>
      <button type="button" class="bare" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span class="sign" aria-hidden="true">{isOpen ? "\u25be" : "\u25b8"}</span>
        {name}
        <span class="muted">{kind === "object" ? `{ ${count} }` : `[ ${count} ]`}</span>
      </button>
      {isOpen && (
        <ul>
          {children.slice(0, shown).map((child, at) => (
            <li key={at}>
              <Node node={child} depth={depth + 1} at={kind === "array" ? at : undefined} />
            </li>
          ))}
          {children.length > shown && (
            <li>
              <button type="button" onClick={() => setShown(shown + 10 * AT_ONCE)}>
                More, of {exact(children.length - shown)}
              </button>
            </li>
          )}
        </ul>
      )}
    </>
  );
}

function Scalar({ node: { kind, text } }: { node: JsonNode }) {
  if (kind === "string") {
    return (
      <span class="string">
        <Pieces text={JSON.stringify(text)} />
      </span>
    );
  }
  return <span class={kind === "number" ? "number-value" : "word"}>{text}</span>;
}
