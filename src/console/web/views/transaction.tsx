/** Transaction: one transactional id, and what its open transaction holds. */
import type { TransactionDetail } from "../../api.ts";
import { duration } from "../format/numbers.ts";
import { useAnswer } from "../parts/answer.ts";
import { Facts } from "../parts/facts.tsx";
import { Link, TopicLink } from "../parts/link.tsx";
import { Name } from "../parts/name.tsx";
import { Empty, Failure, Tag } from "../parts/notice.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";

const AGAIN_MS = 5000;

export function Transaction({ id }: { id: string }) {
  const { value, error, reload } = useAnswer<TransactionDetail>("transaction", { id }, AGAIN_MS);
  return (
    <>
      <div class="head">
        <nav aria-label="Where this is">
          <Link to={{ view: "transactions" }}>Transactions</Link>
        </nav>
        <h1>
          <Name text={id} />
        </h1>
      </div>
      <Failure error={error} retry={reload} />
      {value !== null && (
        <>
          <Facts
            facts={[
              ["State", <Tag key="state">{value.state}</Tag>],
              [
                "Open since",
                value.startedMs === null ? "not open" : <Time key="since" ms={value.startedMs} />,
              ],
              ["Producer id", value.producerId],
              ["Epoch", value.producerEpoch],
              ["Timeout", duration(value.timeoutMs)],
            ]}
          />
          <h2>Partitions</h2>
          {value.partitions.length === 0 ? <Empty>It has written to none.</Empty> : (
            <Table
              label="Partitions of the transaction"
              columns={PARTITIONS}
              rows={value.partitions}
              keyOf={(row) => `${row.topic} ${row.partition}`}
            />
          )}
        </>
      )}
    </>
  );
}

const PARTITIONS: readonly Column<TransactionDetail["partitions"][number]>[] = [
  { name: "topic", title: "Topic", cell: ({ topic }) => <TopicLink topic={topic} /> },
  { name: "partition", title: "Partition", isNumber: true, cell: ({ partition }) => partition },
];
