/**
 * Whether each transaction is seen whole or never: every record says which transaction it is of, as the how manieth of
 * how many, and each transaction commits its own number as a group's offset.
 */

/** What a producer knows of a transaction that it began. */
export interface Transaction {
  readonly producer: number;
  /** Rising with the producer's transactions. */
  readonly number: number;
  readonly size: number;
  /** committed: EndTxn said so. aborted: nobody ever asked to commit it. unknown: it was asked, and not answered. */
  readonly outcome: "committed" | "aborted" | "unknown";
}

export interface SeenRecord {
  readonly producer: number;
  readonly number: number;
  /** From 0. */
  readonly index: number;
  readonly size: number;
}

export interface History {
  readonly transactions: readonly Transaction[];
  /** What those who read committed records see, by partition, in the order of offsets. */
  readonly seen: readonly (readonly SeenRecord[])[];
  /** The group's offsets by producer, at the end: one more than the number of the transaction that committed it. */
  readonly offsets: ReadonlyMap<number, number>;
}

export type Anomaly =
  | "a transaction is seen in part"
  | "a committed transaction is not seen"
  | "an aborted transaction is seen"
  | "a record is seen twice"
  | "a record is seen out of order"
  | "a record of no transaction"
  | "a committed offset is lost"
  | "an offset of an aborted transaction";

/** What is wrong, by kind, each with an example for people. */
export function anomalies(history: History): { kind: Anomaly; example: string }[] {
  const found: { kind: Anomaly; example: string }[] = [];
  const began = new Map(history.transactions.map((one) => [nameOf(one), one]));
  const seen = new Map<string, Set<number>>();
  for (const partition of history.seen) {
    const lastOf = new Map<number, SeenRecord>();
    for (const record of partition) {
      const name = nameOf(record), example = `${name}, record ${record.index} of ${record.size}`;
      const last = lastOf.get(record.producer);
      if (!began.has(name)) found.push({ kind: "a record of no transaction", example });
      const indexes = seen.get(name) ?? new Set();
      if (indexes.has(record.index)) found.push({ kind: "a record is seen twice", example });
      else if (last !== undefined && isBefore(record, last)) {
        found.push({
          kind: "a record is seen out of order",
          example: `${example}, after ${nameOf(last)}`,
        });
      }
      seen.set(name, indexes.add(record.index));
      lastOf.set(record.producer, record);
    }
  }
  for (const one of history.transactions) {
    const count = seen.get(nameOf(one))?.size ?? 0;
    const example = `${nameOf(one)}, ${one.outcome}: ${count} of ${one.size} records`;
    if (one.outcome === "aborted" && count > 0) {
      found.push({ kind: "an aborted transaction is seen", example });
    } else if (count > 0 && count < one.size) {
      found.push({ kind: "a transaction is seen in part", example });
    } else if (one.outcome === "committed" && count === 0) {
      found.push({ kind: "a committed transaction is not seen", example });
    }
  }
  found.push(...wrongOffsets(history, seen));
  return found;
}

/** The offset of a producer must be that of its last transaction which is seen. */
function wrongOffsets(history: History, seen: ReadonlyMap<string, unknown>) {
  const found: { kind: Anomaly; example: string }[] = [];
  const producers = new Set(history.transactions.map(({ producer }) => producer));
  for (const producer of producers) {
    const own = history.transactions.filter((one) => one.producer === producer);
    const last = own.filter((one) => seen.has(nameOf(one)) || one.outcome === "committed")
      .reduce((last, { number }) => Math.max(last, number), -1);
    const offset = history.offsets.get(producer) ?? 0;
    const example =
      `producer ${producer}: the offset is ${offset}, the last transaction seen is ${last}`;
    if (offset < last + 1) found.push({ kind: "a committed offset is lost", example });
    if (offset > last + 1) found.push({ kind: "an offset of an aborted transaction", example });
  }
  return found;
}

function isBefore(one: SeenRecord, other: SeenRecord): boolean {
  return one.number < other.number || (one.number === other.number && one.index < other.index);
}

function nameOf({ producer, number }: { producer: number; number: number }): string {
  return `transaction ${number} of producer ${producer}`;
}
