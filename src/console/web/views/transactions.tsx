/** Transactions: the transactional ids that there are, and how each stands. */
import type { TransactionRow } from "../../api.ts";
import { Link } from "../parts/link.tsx";
import { List } from "../parts/list.tsx";
import { Name } from "../parts/name.tsx";
import { Tag } from "../parts/notice.tsx";
import type { Column } from "../parts/table.tsx";

export function Transactions() {
  return (
    <>
      <h1>Transactions</h1>
      <List<TransactionRow>
        path="transactions"
        label="Transactional ids"
        columns={COLUMNS}
        keyOf={(row) => row.transactionalId}
        empty="No producer has a transactional id."
      />
    </>
  );
}

const COLUMNS: readonly Column<TransactionRow>[] = [
  {
    name: "transactionalId",
    title: "Transactional id",
    isSortable: true,
    cell: ({ transactionalId: id }) => (
      <Link to={{ view: "transaction", id }}>
        <Name text={id} />
      </Link>
    ),
  },
  { name: "state", title: "State", isSortable: true, cell: ({ state }) => <Tag>{state}</Tag> },
  {
    name: "producerId",
    title: "Producer id",
    isNumber: true,
    isSortable: true,
    cell: (row) => row.producerId,
  },
];
