/**
 * Ledger: what the world outside the broker knows of the records it sent, and what a log must hold to agree with it.
 *
 * Every value is sent once by its owner and is nobody else's. A record is acknowledged at an offset, or its fate is not
 * known (a lost connection, a timeout). `complaints` compares a whole log with that.
 */

/** A record as a consumer sees it. */
export interface Seen {
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

interface Entry {
  readonly partition: number;
  /** Where it was acknowledged, -1 when the broker did not say where, null when it was not. */
  offset: number | null;
  /** The place among the records of its owner. */
  readonly order: number;
  readonly owner: string;
}

export class Ledger {
  readonly #entries = new Map<string, Entry>();
  /** What consumers were shown, by "partition:offset". */
  readonly #shown = new Map<string, string>();
  readonly #isExactlyOnce: boolean;
  acknowledged = 0;

  /** With exactly once, a value may be there once only and its owner's order counts. */
  constructor({ isExactlyOnce }: { isExactlyOnce: boolean }) {
    this.#isExactlyOnce = isExactlyOnce;
  }

  get sent(): number {
    return this.#entries.size;
  }

  get shown(): number {
    return this.#shown.size;
  }

  /** Before it is sent. */
  send(value: string, entry: { partition: number; order: number; owner: string }): void {
    this.#entries.set(value, { ...entry, offset: null });
  }

  acknowledge(value: string, offset: number): void {
    this.#entries.get(value)!.offset = offset;
    this.acknowledged++;
  }

  /** A consumer was shown this; a complaint when it was shown another value there before. */
  show({ partition, offset, value }: Seen): string | null {
    const at = `${partition}:${offset}`, before = this.#shown.get(at);
    this.#shown.set(at, value);
    if (before === undefined || before === value) return null;
    return `${value} was shown at ${at}, where ${before} was shown before`;
  }

  /** What is wrong with a log of these records, in the order of their offsets in each partition. */
  complaints(log: readonly Seen[]): string[] {
    const found: string[] = [];
    const there = new Map<string, Seen>();
    const at = new Map<string, string>();
    const lastOf = new Map<string, number>();
    const nextOffset = new Map<number, number>();
    for (const seen of log) {
      const { partition, offset, value } = seen;
      const where = `${partition}:${offset}`;
      const entry = this.#entries.get(value);
      at.set(where, value);
      if (entry === undefined) {
        found.push(`${value} at ${where} was never sent`);
        continue;
      }
      if (entry.partition !== partition) {
        found.push(`${value} is at ${where}, was sent to ${entry.partition}`);
      }
      if (offset < (nextOffset.get(partition) ?? 0)) found.push(`offset ${where} comes again`);
      nextOffset.set(partition, offset + 1);
      if (this.#isExactlyOnce) {
        const before = there.get(value);
        if (before) {
          found.push(
            `${value} is there twice: at ${before.partition}:${before.offset} and ${where}`,
          );
        }
        const line = `${entry.owner} ${partition}`;
        if (entry.order < (lastOf.get(line) ?? -1)) {
          found.push(`${value} at ${where} comes after a later one`);
        }
        lastOf.set(line, entry.order);
      }
      there.set(value, seen);
    }
    for (const [value, { partition, offset }] of this.#entries) {
      if (offset === null || at.get(`${partition}:${offset}`) === value) continue;
      if (offset < 0 && there.has(value)) continue;
      found.push(`${value} was acknowledged at ${partition}:${offset} and is not there`);
    }
    for (const [where, value] of this.#shown) {
      if (at.get(where) !== value) found.push(`${value} was shown at ${where} and is not there`);
    }
    return found;
  }
}
