/** Table: rows of things, moved within its own edge where it is wider than the screen. */
import type { ComponentChildren } from "preact";

export interface Column<T> {
  /** For `sort` of the API, where the API can. */
  readonly name: string;
  readonly title: string;
  readonly cell: (row: T) => ComponentChildren;
  readonly isNumber?: boolean;
  /** In one line. */
  readonly isTime?: boolean;
  /** Left out on a phone. */
  readonly isWide?: boolean;
  readonly isSortable?: boolean;
}

export interface Order {
  readonly by: string;
  readonly isDescending: boolean;
}

/** The first column names the row. */
export function Table<T>(
  { label, columns, rows, keyOf, order, onOrder }: {
    label: string;
    columns: readonly Column<T>[];
    rows: readonly T[];
    keyOf: (row: T) => string;
    order?: Order;
    onOrder?: (order: Order) => void;
  },
) {
  return (
    <div class="table" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading key={column.name} column={column} order={order} onOrder={onOrder} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column, at) =>
                at === 0
                  ? (
                    <th scope="row" class={classOf(column)} key={column.name}>
                      {column.cell(row)}
                    </th>
                  )
                  : <td class={classOf(column)} key={column.name}>{column.cell(row)}</td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Heading<T>(
  { column, order, onOrder }: {
    column: Column<T>;
    order?: Order;
    onOrder?: (order: Order) => void;
  },
) {
  const { name, title, isSortable, isNumber } = column;
  if (!isSortable || onOrder === undefined) {
    return <th scope="col" class={classOf(column)}>{title}</th>;
  }
  const isOrder = order?.by === name, isDescending = isOrder && order.isDescending;
  const sort = !isOrder ? undefined : isDescending ? "descending" : "ascending";
  // The most comes first of what is counted, and A of what is named.
  const next = { by: name, isDescending: isOrder ? !isDescending : isNumber === true };
  return (
    <th scope="col" class={classOf(column)} aria-sort={sort}>
      <button type="button" class="bare" onClick={() => onOrder(next)}>
        {title}
        <span aria-hidden="true">{!isOrder ? "\u2195" : isDescending ? "\u2193" : "\u2191"}</span>
      </button>
    </th>
  );
}

function classOf<T>({ isNumber, isTime, isWide }: Column<T>): string {
  return `${isNumber ? "number" : isTime ? "nowrap" : ""}${isWide ? " wide" : ""}`;
}
