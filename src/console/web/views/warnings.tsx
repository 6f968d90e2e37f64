/** Warnings: what was wrong, or refused, within the last hour. */
import type { Warning } from "../../api.ts";
import { exact } from "../format/numbers.ts";
import { latest, session } from "../live/live.ts";
import { List } from "../parts/list.tsx";
import { Name } from "../parts/name.tsx";
import { Tag } from "../parts/notice.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Ago } from "../parts/time.tsx";

export function Warnings() {
  return (
    <>
      <h1>Warnings</h1>
      <p class="muted">
        Of the last hour. What was before is in the log and the audit; what to do says{" "}
        <code>runnel doctor</code>.
      </p>
      <List<Warning>
        path="warnings"
        label="Warnings"
        columns={COLUMNS}
        keyOf={keyOf}
        empty="Nothing is wrong, and nothing was refused."
      />
    </>
  );
}

export function WarningTable({ warnings }: { warnings: readonly Warning[] }) {
  return <Table label="Warnings" columns={COLUMNS} rows={warnings} keyOf={keyOf} />;
}

const COLUMNS: readonly Column<Warning>[] = [
  {
    name: "what",
    title: "What",
    cell: ({ what, level }) => (
      <>
        <Tag tone={level === "error" ? "bad" : "warn"}>{level}</Tag> <Name text={what} />
      </>
    ),
  },
  { name: "message", title: "How", cell: (warning) => <How warning={warning} /> },
  { name: "count", title: "Times", isNumber: true, cell: ({ count }) => exact(count) },
  {
    name: "lastMs",
    title: "Last",
    isWide: true,
    cell: ({ lastMs }) => <Ago ms={lastMs} nowMs={nowMs()} />,
  },
];

/** By the broker's clock, as far as it is known. */
function nowMs(): number {
  return latest.value?.atMs ?? session.value?.nowMs ?? Date.now();
}

function How({ warning: { message, fields } }: { warning: Warning }) {
  return (
    <>
      <Name text={message} />
      {Object.entries(fields).map(([name, text]) => (
        <div class="small muted" key={name}>
          <Name text={name} />: <Name text={text} />
        </div>
      ))}
    </>
  );
}

function keyOf({ kind, what, message, firstMs, fields }: Warning): string {
  return JSON.stringify([kind, what, message, firstMs, fields]);
}
