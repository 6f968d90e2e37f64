/** Record table: records a row each, one of them opened. */
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import type { Bytes, RecordRow } from "../../api.ts";
import { bytes, exact } from "../format/numbers.ts";
import { Pieces } from "../parts/name.tsx";
import { Time } from "../parts/time.tsx";
import { Record } from "./record.tsx";

/** Of a key or value in a row. */
const PREVIEW = 200;

export function RecordTable({ topic, records }: { topic: string; records: readonly RecordRow[] }) {
  const [opened, open] = useState<string | null>(null);
  return (
    <div class="table records" role="region" aria-label="Records" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Offset</th>
            <th scope="col" class="wide">Partition</th>
            <th scope="col">Time</th>
            <th scope="col">Key</th>
            <th scope="col">Value</th>
            <th scope="col" class="number wide">Size</th>
          </tr>
        </thead>
        <tbody>
          {records.map((row) => {
            const id = `${row.partition}-${row.offset}`, isOpen = id === opened;
            return (
              <Fragment key={id}>
                <tr>
                  <th scope="row" class="nowrap">
                    <button
                      type="button"
                      class="bare"
                      aria-expanded={isOpen}
                      onClick={() => open(isOpen ? null : id)}
                    >
                      <span aria-hidden="true">{isOpen ? "\u25be " : "\u25b8 "}</span>
                      {exact(row.offset)}
                    </button>
                  </th>
                  <td class="wide">{row.partition}</td>
                  <td class="nowrap">
                    <Time ms={row.timestampMs} isShort />
                  </td>
                  <td class="keys">
                    <Preview of={row.key} />
                  </td>
                  <td class="values">
                    <Preview of={row.value} />
                  </td>
                  <td class="number wide">{row.value === null ? "" : bytes(row.value.bytes)}</td>
                </tr>
                {isOpen && (
                  <tr class="open">
                    <td colSpan={6}>
                      <div class="opened">
                        <Record topic={topic} row={row} />
                      </div>
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Preview({ of }: { of: Bytes | null }) {
  if (of === null) return <span class="muted">null</span>;
  if (of.bytes === 0) return <span class="muted">(empty)</span>;
  if (of.encoding === "base64") {
    return <span class="preview muted">{bytes(of.bytes)} that are no text</span>;
  }
  return (
    <bdi class="preview">
      <Pieces text={of.text.slice(0, PREVIEW)} />
    </bdi>
  );
}
