/** Groups: who reads together, and how far behind. */
import type { GroupRow } from "../../api.ts";
import { exact } from "../format/numbers.ts";
import { GroupLink } from "../parts/link.tsx";
import { List } from "../parts/list.tsx";
import { Tag, type Tone } from "../parts/notice.tsx";
import type { Column } from "../parts/table.tsx";

export function Groups() {
  return (
    <>
      <h1>Groups</h1>
      <List<GroupRow>
        path="groups"
        label="Groups"
        columns={COLUMNS}
        keyOf={(row) => row.id}
        empty="No group has read anything."
      />
    </>
  );
}

export function stateTone(state: string): Tone {
  if (state === "Stable") return "good";
  return state === "Dead" || state === "Empty" ? "" : "warn";
}

const COLUMNS: readonly Column<GroupRow>[] = [
  { name: "id", title: "Group", isSortable: true, cell: ({ id }) => <GroupLink id={id} /> },
  {
    name: "state",
    title: "State",
    isSortable: true,
    cell: ({ state }) => <Tag tone={stateTone(state)}>{state}</Tag>,
  },
  { name: "type", title: "Type", isWide: true, isSortable: true, cell: ({ type }) => type },
  {
    name: "members",
    title: "Members",
    isNumber: true,
    isSortable: true,
    cell: ({ members }) => exact(members),
  },
  {
    name: "lag",
    title: "Lag",
    isNumber: true,
    isSortable: true,
    cell: ({ lag }) => lag === null ? "\u2013" : exact(lag),
  },
];
