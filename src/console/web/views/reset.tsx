/** Reset: where a group goes on reading, seen before it is done. */
import { useState } from "preact/hooks";
import { type GroupDetail, LIMITS, type ResetAnswer, type ResetOffsetsBody } from "../../api.ts";
import { change } from "../ask.ts";
import { exact } from "../format/numbers.ts";
import { msOfLocal } from "../format/times.ts";
import { Dialog, Field } from "../parts/dialog.tsx";
import { Note } from "../parts/notice.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { visible } from "../text/visible.ts";

type Kind = ResetOffsetsBody["to"]["kind"];

const KINDS: readonly (readonly [Kind, string])[] = [
  ["start", "The oldest record"],
  ["end", "The end: only what comes"],
  ["offset", "An offset"],
  ["time", "A time"],
  ["shift", "So many records on, or back (-)"],
];

export function Reset({ group, onClose }: { group: GroupDetail; onClose: () => void }) {
  const topics = [...new Set(group.offsets.map(({ topic }) => topic))];
  const [topic, setTopic] = useState(topics[0] ?? ""), [partitions, setPartitions] = useState("");
  const [kind, setKind] = useState<Kind>("start"), [text, setText] = useState("");
  const [seen, setSeen] = useState<{ readonly of: string; readonly answer: ResetAnswer } | null>(
    null,
  );
  const to = placeOf(kind, text), numbers = numbersOf(partitions);
  const body = (preview: boolean): ResetOffsetsBody => ({
    topic,
    ...numbers === null || numbers.length === 0 ? {} : { partitions: numbers },
    to: to!,
    preview,
  });
  const isWhole = topic !== "" && to !== null && numbers !== null;
  const asked = isWhole ? JSON.stringify(body(true)) : "",
    isSeen = seen !== null && seen.of === asked;
  // What is done is what was seen: whatever is changed has to be seen again.
  const act = async () => {
    if (!isSeen) {
      setSeen({
        of: asked,
        answer: await change<ResetAnswer>("group/offsets", body(true), { id: group.id }),
      });
      return false;
    }
    const shown = seen.answer.offsets.map(({ partition, before, after }) => ({
      partition,
      before,
      after,
    }));
    const isSayable = shown.length <= LIMITS.maxSeen &&
      shown.every(({ before }) => before === null || Number.isSafeInteger(before));
    const what = isSayable ? { seen: shown } : {};
    try {
      await change<ResetAnswer>("group/offsets", { ...body(false), ...what }, { id: group.id });
    } catch (error) {
      setSeen(null); // it is to be seen again
      throw error;
    }
  };
  return (
    <Dialog
      title="Reset offsets"
      verb={isSeen ? "Reset" : "Show what would be"}
      isDanger={isSeen}
      isBlocked={!isWhole}
      act={act}
      onClose={onClose}
    >
      {group.members > 0 && (
        <Note tone="warn">It has members. The broker refuses until they have left.</Note>
      )}
      <Field label="Topic">
        <input
          type="text"
          list="reset-topics"
          value={topic}
          spellcheck={false}
          onInput={({ currentTarget }) => setTopic(currentTarget.value)}
        />
      </Field>
      <datalist id="reset-topics">
        {topics.map((name) => <option key={name} value={name}>{visible(name)}</option>)}
      </datalist>
      <Field label="Partitions, as 0,3; all if none">
        <input
          type="text"
          value={partitions}
          aria-invalid={numbers === null}
          onInput={({ currentTarget }) => setPartitions(currentTarget.value)}
        />
      </Field>
      <Field label="To">
        <select
          value={kind}
          onChange={({ currentTarget }) => {
            setKind(currentTarget.value as Kind);
            setText("");
          }}
        >
          {KINDS.map(([value, title]) => <option key={value} value={value}>{title}</option>)}
        </select>
      </Field>
      {(kind === "offset" || kind === "shift") && (
        <Field label={kind === "offset" ? "Offset" : "How many"}>
          <input
            type="text"
            inputMode="numeric"
            value={text}
            onInput={({ currentTarget }) =>
              setText(currentTarget.value)}
          />
        </Field>
      )}
      {kind === "time" && (
        <Field label="Time, in your zone">
          <input
            type="datetime-local"
            step="1"
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </Field>
      )}
      {isSeen && (
        <Table
          label="What would be"
          columns={COLUMNS}
          rows={seen.answer.offsets}
          keyOf={(row) => `${row.topic} ${row.partition}`}
        />
      )}
    </Dialog>
  );
}

/** null: something is missing, or is none. */
function placeOf(kind: Kind, text: string): ResetOffsetsBody["to"] | null {
  const trimmed = text.trim();
  switch (kind) {
    case "start":
    case "end":
      return { kind };
    case "offset":
      return /^\d{1,16}$/.test(trimmed) ? { kind, offset: Number(trimmed) } : null;
    case "shift":
      return /^[+-]?\d{1,16}$/.test(trimmed) ? { kind, by: Number(trimmed) } : null;
    case "time": {
      const timeMs = msOfLocal(text);
      return timeMs === null ? null : { kind, timeMs };
    }
  }
}

/** "0, 3" → [0, 3]; null for what is no list of them. */
function numbersOf(text: string): number[] | null {
  if (text.trim() === "") return [];
  const parts = text.split(",").map((part) => part.trim());
  return parts.every((part) => /^\d{1,10}$/.test(part)) ? parts.map(Number) : null;
}

const COLUMNS: readonly Column<ResetAnswer["offsets"][number]>[] = [
  { name: "partition", title: "Partition", cell: ({ partition }) => partition },
  {
    name: "before",
    title: "Before",
    isNumber: true,
    cell: ({ before }) => before === null ? "\u2013" : exact(before),
  },
  { name: "after", title: "After", isNumber: true, cell: ({ after }) => exact(after) },
  {
    name: "moves",
    title: "That is",
    isNumber: true,
    cell: ({ moves }) =>
      moves === null
        ? "\u2013"
        : moves === 0
        ? "no change"
        : moves > 0
        ? `${exact(moves)} skipped`
        : `${exact(-moves)} again`,
  },
];
