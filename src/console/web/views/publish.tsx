/** Publish: one record, written by hand. */
import { useState } from "preact/hooks";
import type { GivenBytes, PublishBody, Published } from "../../api.ts";
import { change } from "../ask.ts";
import { goTo } from "../navigation.ts";
import { Dialog, Field } from "../parts/dialog.tsx";

interface Header {
  readonly key: string;
  readonly value: string;
}

export function Publish(
  { topic, partitions, onClose }: { topic: string; partitions: number; onClose: () => void },
) {
  const [partition, setPartition] = useState(""),
    [key, setKey] = useState(""),
    [hasKey, setHasKey] = useState(true);
  const [value, setValue] = useState(""), [isTombstone, setTombstone] = useState(false);
  const [headers, setHeaders] = useState<readonly Header[]>([]);
  const setHeader = (at: number, changes: Partial<Header>) =>
    setHeaders(headers.map((header, i) => i === at ? { ...header, ...changes } : header));
  const act = async () => {
    const body: PublishBody = {
      ...partition === "" ? {} : { partition: Number(partition) },
      key: hasKey ? utf8(key) : null,
      value: isTombstone ? null : utf8(value),
      headers: headers.map((header) => ({ key: header.key, value: utf8(header.value) })),
    };
    const where = await change<Published>(`topics/${encodeURIComponent(topic)}/records`, body);
    goTo({ view: "topic", topic, tab: "records" }, {
      partitions: where.partition,
      at: `offset:${where.offset}`,
    });
  };
  return (
    <Dialog title="Publish a record" verb="Publish" act={act} onClose={onClose}>
      <label class="check">
        <input
          type="checkbox"
          checked={hasKey}
          onChange={({ currentTarget }) => setHasKey(currentTarget.checked)}
        />
        It has a key
      </label>
      {hasKey && (
        <Field label="Key">
          <input
            type="text"
            value={key}
            spellcheck={false}
            onInput={({ currentTarget }) => setKey(currentTarget.value)}
          />
        </Field>
      )}
      <Field label="Value">
        <textarea
          rows={6}
          value={value}
          disabled={isTombstone}
          spellcheck={false}
          onInput={({ currentTarget }) => setValue(currentTarget.value)}
        />
      </Field>
      <label class="check">
        <input
          type="checkbox"
          checked={isTombstone}
          onChange={({ currentTarget }) => setTombstone(currentTarget.checked)}
        />
        No value at all: a tombstone, the end of the key
      </label>
      {headers.map((header, at) => (
        <div class="row" key={at}>
          <input
            type="text"
            aria-label={`Name of header ${at + 1}`}
            placeholder="Header"
            value={header.key}
            onInput={({ currentTarget }) => setHeader(at, { key: currentTarget.value })}
          />
          <input
            type="text"
            aria-label={`Value of header ${at + 1}`}
            placeholder="Its value"
            value={header.value}
            onInput={({ currentTarget }) => setHeader(at, { value: currentTarget.value })}
          />
          <button type="button" onClick={() => setHeaders(headers.filter((_, i) => i !== at))}>
            Leave out<span class="hidden">header {at + 1}</span>
          </button>
        </div>
      ))}
      <div class="row">
        <button type="button" onClick={() => setHeaders([...headers, { key: "", value: "" }])}>
          Add a header
        </button>
      </div>
      <Field label="Partition; by its key if nothing is said">
        <input
          type="number"
          min="0"
          max={partitions - 1}
          step="1"
          value={partition}
          onInput={({ currentTarget }) => setPartition(currentTarget.value)}
        />
      </Field>
    </Dialog>
  );
}

function utf8(text: string): GivenBytes {
  return { encoding: "utf8", text };
}
