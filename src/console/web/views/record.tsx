/** Record: all of one, below its row. */
import { useState } from "preact/hooks";
import type { RecordDetail, RecordRow } from "../../api.ts";
import { apiAddress } from "../ask.ts";
import { useAnswer } from "../parts/answer.ts";
import { Copy } from "../parts/copy.tsx";
import { Facts } from "../parts/facts.tsx";
import { Name } from "../parts/name.tsx";
import { Failure } from "../parts/notice.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { Value } from "../parts/value.tsx";
import { produceLine } from "../text/produce_line.ts";

export function Record({ topic, row }: { topic: string; row: RecordRow }) {
  const isCut = [row.key, row.value, ...row.headers.map(({ value }) => value)].some((one) =>
    one?.isCut
  );
  const path = `topics/${
    encodeURIComponent(topic)
  }/partitions/${row.partition}/records/${row.offset}`;
  // What a list has of a large one is its beginning.
  const { value: whole, error, reload } = useAnswer<RecordDetail>(
    isCut || row.headersLeftOut > 0 ? path : null,
  );
  const record = whole ?? row;
  return (
    <div class="stack">
      <Facts
        facts={[
          ["Partition and offset", `${record.partition} / ${record.offset}`],
          [
            record.timestampType === "create" ? "Created" : "Appended",
            <Time key="time" ms={record.timestampMs} />,
          ],
          ["Compression", record.compression],
          ["Producer", record.producerId === null ? "none" : String(record.producerId)],
          ["Transaction", record.isTransactional ? "yes" : "no"],
        ]}
      />
      <Failure error={error} retry={reload} />
      <Value label="Key" value={record.key} />
      <Value label="Value" value={record.value} />
      {record.headers.length > 0 && (
        <Table
          label="Headers"
          columns={HEADERS}
          rows={record.headers.map((header, at) => ({ ...header, at }))}
          keyOf={({ at }) => String(at)}
        />
      )}
      {record.headersLeftOut > 0 && (
        <p class="small muted">{record.headersLeftOut} more headers are not shown.</p>
      )}
      <div class="row">
        {record.value !== null && (
          <a class="button" href={apiAddress(`${path}/value`)} download>Save the value</a>
        )}
        {record.key !== null && (
          <a class="button" href={apiAddress(`${path}/key`)} download>Save the key</a>
        )}
      </div>
      <Command topic={topic} record={record} />
    </div>
  );
}

function Command({ topic, record }: { topic: string; record: RecordRow }) {
  const [isShown, show] = useState(false), line = produceLine(topic, record);
  if (line === null) {
    return <p class="small muted">It is too large for a command: save the value instead.</p>;
  }
  return (
    <>
      <div class="row">
        <Copy text={line} label="Copy as a command" />
        <button type="button" aria-expanded={isShown} onClick={() => show(!isShown)}>
          Show the command
        </button>
      </div>
      {isShown && <pre class="command" tabIndex={0}>{line}</pre>}
    </>
  );
}

const HEADERS: readonly Column<RecordRow["headers"][number] & { readonly at: number }>[] = [
  { name: "key", title: "Header", cell: ({ key }) => <Name text={key} /> },
  {
    name: "value",
    title: "Its value",
    cell: ({ value }) =>
      value?.encoding === "base64"
        ? <span class="mono">base64 {value.text}</span>
        : <Name text={value?.text ?? null} />,
  },
];
