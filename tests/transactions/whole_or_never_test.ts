/** Proves that the check finds each kind of broken history, in one that is right but for that, and nothing in the right one. */
import { assertEquals } from "@std/assert";
import { anomalies, type History, type SeenRecord, type Transaction } from "./whole_or_never.ts";

/** Transaction 0 committed, 1 aborted, 2 unknown and seen, 3 unknown and not seen, 4 committed. */
const TRANSACTIONS: Transaction[] = [
  { producer: 0, number: 0, size: 3, outcome: "committed" },
  { producer: 0, number: 1, size: 2, outcome: "aborted" },
  { producer: 0, number: 2, size: 3, outcome: "unknown" },
  { producer: 0, number: 3, size: 2, outcome: "unknown" },
  { producer: 0, number: 4, size: 2, outcome: "committed" },
];
const record = (number: number, index: number, producer = 0): SeenRecord => {
  return { producer, number, index, size: TRANSACTIONS[number]?.size ?? 1 };
};
const RIGHT: History = {
  transactions: TRANSACTIONS,
  seen: [
    [record(0, 0), record(2, 0), record(2, 1), record(4, 0)],
    [record(0, 1), record(0, 2)],
    [record(2, 2), record(4, 1)],
  ],
  offsets: new Map([[0, 5]]),
};

const kinds = (history: History) => [...new Set(anomalies(history).map(({ kind }) => kind))].sort();
const seeing = (...seen: SeenRecord[][]): History => ({ ...RIGHT, seen });
const [a, b, c] = RIGHT.seen;

Deno.test("a history in which each transaction is seen whole or never has no anomaly", () => {
  assertEquals(anomalies(RIGHT), []);
});

for (
  const [what, history, found] of [
    ["a record of a committed transaction is missing", seeing([...a], [b[0]], [...c]), [
      "a transaction is seen in part",
    ]],
    ["a record of an unknown one is missing", seeing([...a], [...b], [c[1]]), [
      "a transaction is seen in part",
    ]],
    ["a committed one is missing", seeing(a.slice(0, 3), [...b], [c[0]]), [
      "a committed transaction is not seen",
    ]],
    ["an aborted one is seen in part", seeing([...a], [...b, record(1, 0)], [...c]), [
      "an aborted transaction is seen",
    ]],
    ["an aborted one is seen whole", seeing([...a], [...b, record(1, 0), record(1, 1)], [...c]), [
      "an aborted transaction is seen",
    ]],
    ["a record is there twice", seeing([...a], [...b, b[1]], [...c]), ["a record is seen twice"]],
    ["a record is in two partitions", seeing([...a], [...b, a[3]], [...c]), [
      "a record is seen twice",
    ]],
    ["two are the wrong way round", seeing([a[1], a[0], a[2], a[3]], [...b], [...c]), [
      "a record is seen out of order",
    ]],
    ["a record of nobody", seeing([...a, record(9, 0)], [...b], [...c]), [
      "a record of no transaction",
    ]],
    ["an offset did not come with its transaction", { ...RIGHT, offsets: new Map([[0, 3]]) }, [
      "a committed offset is lost",
    ]],
    ["an offset of nothing that is seen", { ...RIGHT, offsets: new Map([[0, 6]]) }, [
      "an offset of an aborted transaction",
    ]],
    ["no offset at all", { ...RIGHT, offsets: new Map() }, ["a committed offset is lost"]],
  ] as const
) {
  Deno.test(`it is found that ${what}`, () => assertEquals(kinds(history as History), [...found]));
}
