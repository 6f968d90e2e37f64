/** Page: a part of a list, filtered by name and ordered by one of its members. */
import { LIMITS, type Page } from "./api.ts";
import { type Call, given } from "./route.ts";
import type { Shape } from "./shape.ts";

/** The parameters of a list whose items may be ordered by these members; the first one if nothing is said. */
export function pageQuery(sortable: readonly string[]): { readonly [name: string]: Shape } {
  const { pageItems, maxPageItems } = LIMITS;
  return {
    from: {
      type: "integer",
      minimum: 0,
      maximum: 10_000_000,
      doc: "The first item; 0 if not given.",
    },
    limit: {
      type: "integer",
      minimum: 0,
      maximum: maxPageItems,
      doc: `How many items; ${pageItems} if not given.`,
    },
    q: { type: "string", maxLength: 250, doc: "What the name has in it, whatever the case." },
    sort: { type: "string", enum: sortable, doc: `${sortable[0]} if not given.` },
    order: { type: "string", enum: ["asc", "desc"], doc: "asc if not given." },
  };
}

/** What is null comes last in either order. */
export function pageOf<T extends object>(
  rows: readonly T[],
  call: Pick<Call, "query">,
  { nameOf, sort }: { readonly nameOf: (row: T) => string; readonly sort: string },
): Page<T> {
  const from = given(call, "from", 0), limit = given(call, "limit", LIMITS.pageItems as number);
  const q = given(call, "q", "").toLowerCase(), by = given(call, "sort", sort) as keyof T;
  const sign = given(call, "order", "asc") === "asc" ? 1 : -1;
  const fitting = q === ""
    ? [...rows]
    : rows.filter((row) => nameOf(row).toLowerCase().includes(q));
  fitting.sort((a, b) => compare(a[by], b[by], sign) || compare(nameOf(a), nameOf(b), 1));
  return { items: fitting.slice(from, from + limit), from, total: fitting.length };
}

function compare(a: unknown, b: unknown, sign: number): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return (a as number) < (b as number) ? -sign : sign;
}
