/** Clients: who is connected, and by what software. */
import type { ClientRow } from "../../api.ts";
import { exact } from "../format/numbers.ts";
import { List } from "../parts/list.tsx";
import { Name } from "../parts/name.tsx";
import type { Column } from "../parts/table.tsx";

export function Clients() {
  return (
    <>
      <h1>Clients</h1>
      <List<ClientRow>
        path="clients"
        label="Clients"
        columns={COLUMNS}
        keyOf={(row) => JSON.stringify(row)}
        empty="Nobody is connected."
      />
    </>
  );
}

const COLUMNS: readonly Column<ClientRow>[] = [
  {
    name: "clientId",
    title: "Client id",
    isSortable: true,
    cell: ({ clientId }) => <Name text={clientId} />,
  },
  {
    name: "software",
    title: "Software",
    isSortable: true,
    cell: ({ software, version }) => (
      <>
        <Name text={software} /> {version !== software && (
          <span class="muted">
            <Name text={version} />
          </span>
        )}
      </>
    ),
  },
  {
    name: "principal",
    title: "User",
    isSortable: true,
    isWide: true,
    cell: (row) => <Name text={row.principal} />,
  },
  {
    name: "address",
    title: "Address",
    isSortable: true,
    cell: ({ address }) => <Name text={address} />,
  },
  {
    name: "listener",
    title: "Listener",
    isWide: true,
    cell: ({ listener }) => <Name text={listener} />,
  },
  {
    name: "connections",
    title: "Connections",
    isNumber: true,
    isSortable: true,
    cell: ({ connections }) => exact(connections),
  },
];
