/** Topics: what there is, how large and how busy. */
import { useState } from "preact/hooks";
import type { Changed, CreateTopicBody, TopicRow } from "../../api.ts";
import { change } from "../ask.ts";
import { bytes, bytesPerSecond, exact } from "../format/numbers.ts";
import { retention } from "../format/retention.ts";
import { session } from "../live/live.ts";
import { goTo, route, withQuery } from "../navigation.ts";
import { Dialog, Field } from "../parts/dialog.tsx";
import { TopicLink } from "../parts/link.tsx";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/table.tsx";

export function Topics() {
  const [isCreating, setCreating] = useState(false);
  const hasInternal = route.value.query.get("internal") === "true";
  return (
    <>
      <div class="head">
        <h1>Topics</h1>
        {session.value?.canWrite && (
          <button
            type="button"
            class="main"
            onClick={() => setCreating(true)}
          >
            Create a topic
          </button>
        )}
      </div>
      <List<TopicRow>
        path="topics"
        label="Topics"
        columns={COLUMNS}
        keyOf={(row) => row.name}
        query={{ internal: hasInternal || null }}
        empty="There is no topic yet."
      >
        <label class="check">
          <input
            type="checkbox"
            checked={hasInternal}
            onChange={({ currentTarget }) =>
              withQuery({ internal: currentTarget.checked ? "true" : "", from: "" }, {
                replace: true,
              })}
          />
          Internal ones, too
        </label>
      </List>
      {isCreating && <CreateTopic onClose={() => setCreating(false)} />}
    </>
  );
}

const COLUMNS: readonly Column<TopicRow>[] = [
  {
    name: "name",
    title: "Topic",
    isSortable: true,
    cell: ({ name }) => <TopicLink topic={name} />,
  },
  {
    name: "partitions",
    title: "Partitions",
    isNumber: true,
    isWide: true,
    isSortable: true,
    cell: (row) => exact(row.partitions),
  },
  {
    name: "records",
    title: "Records",
    isNumber: true,
    isWide: true,
    isSortable: true,
    cell: (row) => exact(row.records),
  },
  {
    name: "bytes",
    title: "Size",
    isNumber: true,
    isSortable: true,
    cell: (row) => known(row.bytes, bytes),
  },
  {
    name: "bytesIn",
    title: "In",
    isNumber: true,
    isSortable: true,
    cell: (row) => known(row.bytesIn, bytesPerSecond),
  },
  {
    name: "bytesOut",
    title: "Out",
    isNumber: true,
    isWide: true,
    isSortable: true,
    cell: (row) => known(row.bytesOut, bytesPerSecond),
  },
  { name: "retentionMs", title: "Kept", isWide: true, cell: retention },
];

function known(value: number | null, write: (value: number) => string): string {
  return value === null ? "\u2013" : write(value);
}

function CreateTopic({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState(""), [partitions, setPartitions] = useState("");
  const [policy, setPolicy] = useState(""), [days, setDays] = useState("");
  const act = async () => {
    const configs: Record<string, string> = {};
    if (policy !== "") configs["cleanup.policy"] = policy;
    if (days !== "") configs["retention.ms"] = String(Math.round(Number(days) * 86_400_000));
    const body: CreateTopicBody = {
      name,
      ...partitions === "" ? {} : { partitions: Number(partitions) },
      ...Object.keys(configs).length === 0 ? {} : { configs },
    };
    await change<Changed>("topics", body);
    goTo({ view: "topic", topic: name, tab: "partitions" });
  };
  return (
    <Dialog
      title="Create a topic"
      verb="Create"
      act={act}
      isBlocked={name === ""}
      onClose={onClose}
    >
      <Field label="Name: letters, digits, dots, underscores and dashes">
        <input
          type="text"
          value={name}
          maxLength={249}
          autocomplete="off"
          spellcheck={false}
          onInput={({ currentTarget }) => setName(currentTarget.value)}
        />
      </Field>
      <Field label="Partitions; what the broker is set to if nothing is said">
        <input
          type="number"
          min="1"
          step="1"
          value={partitions}
          onInput={({ currentTarget }) => setPartitions(currentTarget.value)}
        />
      </Field>
      <Field label="What becomes of old records">
        <select value={policy} onChange={({ currentTarget }) => setPolicy(currentTarget.value)}>
          <option value="">As the broker is set</option>
          <option value="delete">Deleted when they are too old</option>
          <option value="compact">The last of each key stays</option>
          <option value="compact,delete">Both</option>
        </select>
      </Field>
      <Field label="Days they are kept; -1 milliseconds, for ever, is set in the configs">
        <input
          type="number"
          min="0"
          step="any"
          value={days}
          onInput={({ currentTarget }) => setDays(currentTarget.value)}
        />
      </Field>
    </Dialog>
  );
}
