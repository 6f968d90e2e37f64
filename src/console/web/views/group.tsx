/** Group: one group, its members, how far behind each partition is, and why it does not get on. */
import { useEffect, useState } from "preact/hooks";
import type { Changed, DeleteBody, GroupDetail, GroupOffset, MemberRow } from "../../api.ts";
import { change } from "../ask.ts";
import { exact, short } from "../format/numbers.ts";
import { session } from "../live/live.ts";
import { goTo } from "../navigation.ts";
import { useAnswer } from "../parts/answer.ts";
import { Dialog, TypedName } from "../parts/dialog.tsx";
import { Facts } from "../parts/facts.tsx";
import { Link, TopicLink } from "../parts/link.tsx";
import { Name } from "../parts/name.tsx";
import { Empty, Failure, Note, Tag } from "../parts/notice.tsx";
import { Plot } from "../parts/plot.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { visible } from "../text/visible.ts";
import { stateTone } from "./groups.tsx";
import { Reset } from "./reset.tsx";

const AGAIN_MS = 5000;
/** Of the plot of its lag: an hour. */
const MAX_POINTS = 720;

type Asked = "reset" | "delete";

export function Group({ id }: { id: string }) {
  const { value, error, reload } = useAnswer<GroupDetail>("group", { id }, AGAIN_MS);
  const [asked, ask] = useState<Asked | null>(null);
  return (
    <>
      <div class="head">
        <nav aria-label="Where this is">
          <Link to={{ view: "groups" }}>Groups</Link>
        </nav>
        <h1>
          <Name text={id} />
        </h1>
        {session.value?.canWrite && value !== null && (
          <div class="actions">
            <button type="button" onClick={() => ask("reset")}>Reset offsets</button>
            <button type="button" class="danger" onClick={() => ask("delete")}>Delete</button>
          </div>
        )}
      </div>
      <Failure error={error} retry={reload} />
      {value !== null && <Detail group={value} />}
      {asked === "reset" && value !== null && (
        <Reset
          group={value}
          onClose={() => {
            ask(null);
            reload();
          }}
        />
      )}
      {asked === "delete" && <Delete id={id} onClose={() => ask(null)} />}
    </>
  );
}

function Detail({ group }: { group: GroupDetail }) {
  const { state, type, assignor, generation, lag, memberList, offsets, stuck } = group;
  return (
    <>
      {stuck.map((reason) => <Note tone="warn" key={reason}>{visible(reason)}</Note>)}
      <Facts
        facts={[
          ["State", <Tag key="state" tone={stateTone(state)}>{state}</Tag>],
          ["Lag", lag === null ? "unknown" : exact(lag)],
          ["Members", exact(memberList.length)],
          ["Type", type],
          ["Assignor", assignor === "" ? "none" : <Name key="assignor" text={assignor} />],
          ...generation === null ? [] : [["Generation", exact(generation)] as const],
        ]}
      />
      <LagPlot group={group} />
      <h2>Partitions</h2>
      {offsets.length === 0 ? <Empty>It has committed nothing.</Empty> : (
        <Table
          label="Partitions"
          columns={offsetColumns(offsets)}
          rows={offsets}
          keyOf={(row) => `${row.topic} ${row.partition}`}
        />
      )}
      <h2>Members</h2>
      {memberList.length === 0
        ? <Empty>Nobody is in it.</Empty>
        : <Table label="Members" columns={MEMBERS} rows={memberList} keyOf={(row) => row.id} />}
    </>
  );
}

interface Points {
  readonly atMs: readonly number[];
  readonly lags: readonly (number | null)[];
}

/** The broker keeps no history of lags: it is what was seen since the view was opened. */
function LagPlot({ group }: { group: GroupDetail }) {
  const [points, set] = useState<Points>({ atMs: [], lags: [] });
  useEffect(() =>
    set(({ atMs, lags }) => ({
      atMs: [...atMs, Date.now()].slice(-MAX_POINTS),
      lags: [...lags, group.lag].slice(-MAX_POINTS),
    })), [group]);
  return (
    <Plot
      title="Lag since this was opened"
      level={2}
      atMs={points.atMs}
      steps="whole"
      write={short}
      lines={[{ label: "records", values: points.lags }]}
    />
  );
}

function offsetColumns(offsets: readonly GroupOffset[]): readonly Column<GroupOffset>[] {
  const most = Math.max(1, ...offsets.map(({ lag }) => lag ?? 0));
  return [
    { name: "topic", title: "Topic", cell: ({ topic }) => <TopicLink topic={topic} /> },
    { name: "partition", title: "Partition", isNumber: true, cell: ({ partition }) => partition },
    {
      name: "committed",
      title: "Committed",
      isNumber: true,
      cell: ({ topic, partition, committed }) =>
        committed === null ? "\u2013" : (
          <Link
            to={{ view: "topic", topic, tab: "records" }}
            query={{ partitions: partition, at: `offset:${committed}` }}
          >
            {exact(committed)}
          </Link>
        ),
    },
    {
      name: "end",
      title: "End",
      isNumber: true,
      isWide: true,
      cell: ({ end }) => end === null ? "\u2013" : exact(end),
    },
    {
      name: "lag",
      title: "Lag",
      isNumber: true,
      cell: ({ lag }) => lag === null ? "\u2013" : exact(lag),
    },
    {
      name: "share",
      title: "Beside the most",
      isWide: true,
      cell: ({ lag }) => (
        <progress class="bar" aria-label="Lag beside the most" max={most} value={lag ?? 0} />
      ),
    },
    {
      name: "member",
      title: "Read by",
      isWide: true,
      cell: ({ memberId }) =>
        memberId === null ? <span class="muted">nobody</span> : <Name text={memberId} />,
    },
  ];
}

const MEMBERS: readonly Column<MemberRow>[] = [
  {
    name: "id",
    title: "Member",
    cell: ({ id, instanceId }) => (
      <>
        <Name text={id} />
        {instanceId !== null && (
          <div class="small muted">
            static: <Name text={instanceId} />
          </div>
        )}
      </>
    ),
  },
  {
    name: "clientId",
    title: "Client id",
    isWide: true,
    cell: ({ clientId }) => <Name text={clientId} />,
  },
  { name: "host", title: "Host", cell: ({ host }) => <Name text={host} /> },
  {
    name: "partitions",
    title: "Has",
    cell: ({ partitions }) =>
      partitions.length === 0 ? <span class="muted">nothing</span> : visible(byTopic(partitions)),
  },
];

/** "orders 0, 1, 2; payments 0" */
function byTopic(partitions: MemberRow["partitions"]): string {
  const numbers = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    numbers.set(topic, [...numbers.get(topic) ?? [], partition]);
  }
  return [...numbers].map(([topic, all]) => `${topic} ${all.toSorted((a, b) => a - b).join(", ")}`)
    .join("; ");
}

function Delete({ id, onClose }: { id: string; onClose: () => void }) {
  const [typed, type] = useState("");
  const act = async () => {
    const body: DeleteBody = { confirm: typed };
    await change<Changed>("group/delete", body, { id });
    goTo({ view: "groups" });
  };
  return (
    <Dialog
      title={
        <>
          Delete <Name text={id} />
        </>
      }
      verb="Delete"
      isDanger
      act={act}
      isBlocked={typed !== id}
      onClose={onClose}
    >
      <p>Where it has read up to is forgotten. The records stay.</p>
      <TypedName name={id} text={typed} onText={type} />
    </Dialog>
  );
}
