/** Partition: its segments on a line of time, and the producers whose batches it remembers. */
import type { ProducerRow, SegmentRow } from "../../api.ts";
import { bytes, counted, exact } from "../format/numbers.ts";
import { useAnswer } from "../parts/answer.ts";
import { Link } from "../parts/link.tsx";
import { Empty, Failure, Tag } from "../parts/notice.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { segmentSpans, WIDTH } from "./segment_spans.ts";

const AGAIN_MS = 10_000, HEIGHT = 20;

export function Partition({ topic, partition }: { topic: string; partition: number }) {
  const path = `topics/${encodeURIComponent(topic)}/partitions/${partition}`;
  const segments = useAnswer<readonly SegmentRow[]>(`${path}/segments`, {}, AGAIN_MS);
  const producers = useAnswer<readonly ProducerRow[]>(`${path}/producers`, {}, AGAIN_MS);
  return (
    <section class="stack" aria-labelledby="partition">
      <h2 id="partition">Partition {partition}</h2>
      <Failure error={segments.error} retry={segments.reload} />
      {segments.value !== null && (
        <>
          <Line segments={segments.value} />
          <Table
            label={`Segments of partition ${partition}`}
            columns={segmentColumns(topic, partition)}
            rows={segments.value}
            keyOf={({ start }) => String(start)}
          />
        </>
      )}
      <h3>Producers</h3>
      <Failure error={producers.error} retry={producers.reload} />
      {producers.value?.length === 0 && <Empty>No producer has an id here.</Empty>}
      {producers.value !== null && producers.value.length > 0 && (
        <Table
          label={`Producers of partition ${partition}`}
          columns={PRODUCERS}
          rows={producers.value}
          keyOf={({ producerId }) => String(producerId)}
        />
      )}
    </section>
  );
}

/** What it shows stands in the table below it, too. */
function Line({ segments }: { segments: readonly SegmentRow[] }) {
  return (
    <svg
      class="segment-line"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${
        counted(segments.length, "segment")
      } by the time of their records, the oldest first`}
    >
      {segmentSpans(segments).map(({ segment, x, width }) => (
        <rect
          key={segment.start}
          class={segment.isActive ? "active" : ""}
          x={x}
          y={0}
          width={Math.max(1, width - 1)}
          height={HEIGHT}
        />
      ))}
    </svg>
  );
}

function segmentColumns(topic: string, partition: number): readonly Column<SegmentRow>[] {
  return [
    {
      name: "start",
      title: "From offset",
      cell: ({ start, isActive }) => (
        <>
          <Link
            to={{ view: "topic", topic, tab: "records" }}
            query={{ partitions: partition, at: `offset:${start}` }}
          >
            {exact(start)}
          </Link>{" "}
          {isActive && <Tag tone="good">written to</Tag>}
        </>
      ),
    },
    {
      name: "records",
      title: "Offsets",
      isNumber: true,
      cell: ({ start, end }) => exact(end - start),
    },
    {
      name: "bytes",
      title: "Size",
      isNumber: true,
      cell: (row) => row.bytes === null ? "\u2013" : bytes(row.bytes),
    },
    {
      name: "latestMs",
      title: "Latest record",
      isTime: true,
      cell: ({ latestMs }) => <Time ms={latestMs} isShort />,
    },
  ];
}

const PRODUCERS: readonly Column<ProducerRow>[] = [
  { name: "producerId", title: "Producer id", cell: ({ producerId }) => producerId },
  {
    name: "producerEpoch",
    title: "Epoch",
    isNumber: true,
    cell: ({ producerEpoch }) => producerEpoch,
  },
  {
    name: "lastSequence",
    title: "Last sequence",
    isNumber: true,
    cell: (row) => exact(row.lastSequence),
  },
  {
    name: "lastTimestampMs",
    title: "Last record",
    isTime: true,
    cell: (row) => <Time ms={row.lastTimestampMs} isShort />,
  },
  {
    name: "openSince",
    title: "Transaction",
    cell: ({ openSince }) =>
      openSince === null
        ? <span class="muted">none is open</span>
        : <Tag tone="warn">open since offset {exact(openSince)}</Tag>,
  },
];
