/** List: a part of the broker's things as a table; what is looked for, the order and the page are in the address. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Page } from "../../api.ts";
import type { Query } from "../ask.ts";
import { exact } from "../format/numbers.ts";
import { route, withQuery } from "../navigation.ts";
import { useAnswer } from "./answer.ts";
import { Empty, Failure } from "./notice.tsx";
import { type Column, Table } from "./table.tsx";

const PAGE = 100;
const AGAIN_MS = 10_000;
const TYPING_MS = 200;

export function List<T>(
  { path, label, columns, keyOf, empty, query = {}, children }: {
    path: string;
    /** "Topics" */
    label: string;
    columns: readonly Column<T>[];
    keyOf: (row: T) => string;
    /** What is said where there is nothing. */
    empty: ComponentChildren;
    query?: Query;
    /** Beside the search. */
    children?: ComponentChildren;
  },
) {
  const given = route.value.query;
  const q = given.get("q") ?? "",
    sort = given.get("sort"),
    isDescending = given.get("order") === "desc";
  const from = Math.max(0, Math.trunc(Number(given.get("from"))) || 0);
  const { value, error, isLoading, reload } = useAnswer<Page<T>>(path, {
    ...query,
    q: q || null,
    from: from || null,
    limit: PAGE,
    sort,
    order: isDescending ? "desc" : null,
  }, AGAIN_MS);
  return (
    <>
      <div class="row">
        <Search label={`Search ${label.toLowerCase()}`} text={q} />
        {children}
        <span class="muted small" role="status">
          {value === null ? isLoading ? "Loading…" : "" : `${exact(value.total)} in all`}
        </span>
      </div>
      <Failure error={error} retry={reload} />
      {value !== null && value.items.length === 0 && (
        <Empty>{q === "" && from === 0 ? empty : "Nothing has that in its name."}</Empty>
      )}
      {value !== null && value.items.length > 0 && (
        <>
          <Table
            label={label}
            columns={columns}
            rows={value.items}
            keyOf={keyOf}
            order={{ by: sort ?? columns[0].name, isDescending }}
            onOrder={({ by, isDescending }) =>
              withQuery({ sort: by, order: isDescending ? "desc" : "", from: "" }, {
                replace: true,
              })}
          />
          <Pages from={value.from} shown={value.items.length} total={value.total} />
        </>
      )}
    </>
  );
}

/** The field that `/` leads to. What is typed counts once one stops for a moment. */
function Search({ label, text }: { label: string; text: string }) {
  const [typed, type] = useState(text),
    timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  // The address may change by itself, as by Back; but it does not take away what is being typed.
  useEffect(() => {
    if (timer.current === undefined) type(text);
  }, [text]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const look = (given: string) => {
    type(given);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      timer.current = undefined;
      withQuery({ q: given, from: "" }, { replace: true });
    }, TYPING_MS);
  };
  return (
    <input
      type="search"
      id="search"
      aria-label={label}
      aria-keyshortcuts="/"
      placeholder={`${label}  ( / )`}
      maxLength={250}
      value={typed}
      onInput={({ currentTarget }) => look(currentTarget.value)}
    />
  );
}

function Pages({ from, shown, total }: { from: number; shown: number; total: number }) {
  if (from === 0 && shown >= total) return null;
  return (
    <nav class="row" aria-label="Pages">
      <button
        type="button"
        disabled={from === 0}
        onClick={() => withQuery({ from: Math.max(0, from - PAGE) || "" })}
      >
        Previous
      </button>
      <button
        type="button"
        disabled={from + shown >= total}
        onClick={() => withQuery({ from: from + PAGE })}
      >
        Next
      </button>
      <span class="muted small">{exact(from + 1)} to {exact(from + shown)} of {exact(total)}</span>
    </nav>
  );
}
