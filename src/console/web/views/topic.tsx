/** Topic: one topic, its partitions, its records and its configs. */
import { useState } from "preact/hooks";
import type { Changed, DeleteBody, GrowTopicBody, PartitionRow, TopicDetail } from "../../api.ts";
import { change } from "../ask.ts";
import { bytes, bytesPerSecond, exact } from "../format/numbers.ts";
import { retention } from "../format/retention.ts";
import { session } from "../live/live.ts";
import { goTo, route } from "../navigation.ts";
import { useAnswer } from "../parts/answer.ts";
import { Dialog, Field, TypedName } from "../parts/dialog.tsx";
import { Facts } from "../parts/facts.tsx";
import { GroupLink, Link } from "../parts/link.tsx";
import { Name } from "../parts/name.tsx";
import { Failure, Tag } from "../parts/notice.tsx";
import { type Column, Table } from "../parts/table.tsx";
import type { TopicTab } from "../routes.ts";
import { Configs } from "./configs.tsx";
import { Partition } from "./partition.tsx";
import { Publish } from "./publish.tsx";
import { Records } from "./records.tsx";

const AGAIN_MS = 5000;
const TABS: readonly (readonly [TopicTab, string])[] = [
  ["partitions", "Partitions"],
  ["records", "Records"],
  ["configs", "Configs"],
];

type Asked = "publish" | "grow" | "delete";

export function Topic({ topic, tab }: { topic: string; tab: TopicTab }) {
  const path = `topics/${encodeURIComponent(topic)}`;
  const { value, error, reload } = useAnswer<TopicDetail>(path, {}, AGAIN_MS);
  const [asked, ask] = useState<Asked | null>(null);
  const close = () => {
    ask(null);
    reload();
  };
  return (
    <>
      <div class="head">
        <nav aria-label="Where this is">
          <Link to={{ view: "topics" }}>Topics</Link>
        </nav>
        <h1>
          <Name text={topic} /> {value?.isInternal && <Tag>internal</Tag>}
        </h1>
        {session.value?.canWrite && value !== null && (
          <div class="actions">
            <button type="button" onClick={() => ask("publish")}>Publish a record</button>
            <button type="button" onClick={() => ask("grow")}>Add partitions</button>
            <button type="button" class="danger" onClick={() => ask("delete")}>Delete</button>
          </div>
        )}
      </div>
      <Failure error={error} retry={reload} />
      <nav class="tabs" aria-label="Of this topic">
        {TABS.map(([one, title]) => (
          <Link key={one} to={{ view: "topic", topic, tab: one }} current={one === tab}>
            {title}
          </Link>
        ))}
      </nav>
      {tab === "partitions" && value !== null && <Partitions topic={value} />}
      {tab === "records" && <Records topic={topic} />}
      {tab === "configs" && <Configs topic={topic} />}
      {asked === "publish" && value !== null && (
        <Publish topic={topic} partitions={value.partitions} onClose={close} />
      )}
      {asked === "grow" && value !== null && (
        <Grow path={path} count={value.partitions} onClose={close} />
      )}
      {asked === "delete" && <Delete path={path} topic={topic} onClose={() => ask(null)} />}
    </>
  );
}

function Partitions({ topic }: { topic: TopicDetail }) {
  const { partitionList, groups } = topic;
  const opened = route.value.query.get("partition");
  const isThere = partitionList.some(({ partition }) => String(partition) === opened);
  return (
    <>
      <Facts
        facts={[
          ["Records", exact(topic.records)],
          ["Size", topic.bytes === null ? "\u2013" : bytes(topic.bytes)],
          ["In", topic.bytesIn === null ? "\u2013" : bytesPerSecond(topic.bytesIn)],
          ["Out", topic.bytesOut === null ? "\u2013" : bytesPerSecond(topic.bytesOut)],
          ["Kept", retention(topic)],
          ["Id", <span class="mono small" key="id">{topic.id}</span>],
        ]}
      />
      {groups.length > 0 && (
        <p>
          Read by {groups.map((id, at) => (
            <span key={id}>
              {at > 0 && ", "}
              <GroupLink id={id} />
            </span>
          ))}
        </p>
      )}
      {isThere && <Partition key={opened} topic={topic.name} partition={Number(opened)} />}
      <Table
        label="Partitions"
        columns={columnsFor(topic)}
        rows={partitionList}
        keyOf={(row) => String(row.partition)}
      />
    </>
  );
}

function columnsFor({ name, partitionList }: TopicDetail): readonly Column<PartitionRow>[] {
  const largest = Math.max(1, ...partitionList.map((row) => row.bytes ?? 0));
  return [
    {
      name: "partition",
      title: "Partition",
      cell: ({ partition }) => (
        <Link to={{ view: "topic", topic: name, tab: "partitions" }} query={{ partition }}>
          {partition}
          <span class="hidden">: its segments and producers</span>
        </Link>
      ),
    },
    { name: "start", title: "First", isNumber: true, cell: ({ start }) => offset(start) },
    { name: "end", title: "End", isNumber: true, cell: ({ end }) => offset(end) },
    {
      name: "records",
      title: "Records",
      isNumber: true,
      cell: ({ partition, start, end }) =>
        start === null || end === null ? "\u2013" : (
          <Link
            to={{ view: "topic", topic: name, tab: "records" }}
            query={{ partitions: partition }}
          >
            {exact(end - start)}
          </Link>
        ),
    },
    {
      name: "bytes",
      title: "Size",
      isNumber: true,
      cell: (row) => row.bytes === null ? "\u2013" : bytes(row.bytes),
    },
    {
      name: "share",
      title: "Beside the largest",
      isWide: true,
      cell: (row) => (
        <progress
          class="bar"
          aria-label="Size beside the largest"
          max={largest}
          value={row.bytes ?? 0}
        />
      ),
    },
    {
      name: "leader",
      title: "Leader",
      isNumber: true,
      isWide: true,
      cell: ({ leaderId, leaderEpoch }) => (
        <>
          {leaderId} <span class="muted small">epoch {leaderEpoch}</span>
        </>
      ),
    },
    {
      name: "state",
      title: "State",
      cell: ({ error, replicas, isr }) =>
        error !== null
          ? (
            <>
              <Tag tone="bad">offline</Tag> <Name text={error} />
            </>
          )
          : isr.length < replicas.length
          ? <Tag tone="warn">{isr.length} of {replicas.length} in sync</Tag>
          : <Tag tone="good">served</Tag>,
    },
  ];
}

function offset(value: number | null): string {
  return value === null ? "\u2013" : exact(value);
}

function Grow({ path, count, onClose }: { path: string; count: number; onClose: () => void }) {
  const [text, setText] = useState(String(count + 1));
  const wanted = Number(text), isMore = Number.isInteger(wanted) && wanted > count;
  const body: GrowTopicBody = { count: wanted };
  return (
    <Dialog
      title="Add partitions"
      verb="Add"
      act={() => change<Changed>(`${path}/partitions`, body)}
      isBlocked={!isMore}
      onClose={onClose}
    >
      <p>
        It has{" "}
        {exact(count)}, and cannot have fewer again. From then on keys go to other partitions than
        their records before.
      </p>
      <Field label="How many it shall have">
        <input
          type="number"
          min={count + 1}
          step="1"
          value={text}
          aria-invalid={!isMore}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </Field>
    </Dialog>
  );
}

function Delete({ path, topic, onClose }: { path: string; topic: string; onClose: () => void }) {
  const [typed, type] = useState("");
  const act = async () => {
    const body: DeleteBody = { confirm: typed };
    await change<Changed>(`${path}/delete`, body);
    goTo({ view: "topics" });
  };
  return (
    <Dialog
      title={
        <>
          Delete <Name text={topic} />
        </>
      }
      verb="Delete"
      isDanger
      act={act}
      isBlocked={typed !== topic}
      onClose={onClose}
    >
      <p>All of its records go with it. There is no way back.</p>
      <TypedName name={topic} text={typed} onText={type} />
    </Dialog>
  );
}
