/**
 * Ledger: what the world outside the broker knows of the records it sent, and what a log must hold to agree with it.
 *
 * Every name is sent once by its owner and is nobody else's. A record is acknowledged at an offset, or its fate is not
 * known (a lost connection, a timeout). `complaints` compares a whole log with that. Where a log begins is a promise
 * too: it begins at 0 until DeleteRecords was asked for, and not below what that has answered.
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
  /** How many had been acknowledged before it. */
  mark: number;
  /** The place among the records of its owner. */
  readonly order: number;
  readonly owner: string;
}

/** What a ledger knew at a moment. */
export interface Mark {
  readonly acknowledged: number;
  readonly shown: number;
}

/** What DeleteRecords was asked for and has answered, as offsets that a partition may and must begin at. */
interface Start {
  asked: number;
  answered: number;
}

export interface LedgerOptions {
  /** A value may be there once only, and its owner's order counts. */
  readonly isExactlyOnce: boolean;
  /** Whether what was acknowledged must be there; yes unless given. Not so of acks=1 over a power loss. */
  readonly isAcknowledgedKept?: boolean;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #entries = new Map<string, Entry>();
  /** What consumers were shown, by "partition:offset". */
  readonly #shown = new Map<string, string>();
  readonly #starts = new Map<number, Start>();
  acknowledged = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  get sent(): number {
    return this.#entries.size;
  }

  get shown(): number {
    return this.#shown.size;
  }

  /** For complaints(): what is known now, before a log's end is asked for. */
  mark(): Mark {
    return { acknowledged: this.acknowledged, shown: this.#shown.size };
  }

  /** Before it is sent. */
  send(value: string, entry: { partition: number; order: number; owner: string }): void {
    this.#entries.set(value, { ...entry, offset: null, mark: 0 });
  }

  acknowledge(value: string, offset: number): void {
    const entry = this.#entries.get(value)!;
    entry.offset = offset;
    entry.mark = this.acknowledged++;
  }

  /** Before DeleteRecords is sent: everything below may go. */
  deleting(partition: number, before: number): void {
    const start = this.#starts.get(partition) ?? { asked: 0, answered: 0 };
    this.#starts.set(partition, { ...start, asked: Math.max(start.asked, before) });
  }

  /** DeleteRecords has answered: everything below is gone for good. */
  deleted(partition: number, before: number): void {
    this.#starts.get(partition)!.answered = before;
  }

  /** A consumer was shown this; a complaint when it was shown another value there before. */
  show({ partition, offset, value }: Seen): string | null {
    const at = `${partition}:${offset}`, before = this.#shown.get(at);
    this.#shown.set(at, value);
    if (before === undefined || before === value) return null;
    return `${value} was shown at ${at}, where ${before} was shown before`;
  }

  /**
   * What is wrong with a log of these records, in the order of their offsets in each partition. While sending goes on,
   * only what was known before the log's end was asked for is looked for.
   */
  complaints(log: readonly Seen[], until: Mark = this.mark()): string[] {
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
      if (offset < (this.#starts.get(partition)?.answered ?? 0)) {
        found.push(`${value} at ${where} was deleted and is back`);
      }
      nextOffset.set(partition, offset + 1);
      if (this.#options.isExactlyOnce) {
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
    const mayBeGone = (partition: number, offset: number) =>
      offset < (this.#starts.get(partition)?.asked ?? 0);
    for (const [value, { partition, offset, mark }] of this.#entries) {
      if (
        this.#options.isAcknowledgedKept === false || offset === null || mark >= until.acknowledged
      ) continue;
      if (at.get(`${partition}:${offset}`) === value || mayBeGone(partition, offset)) continue;
      if (offset < 0 && there.has(value)) continue;
      found.push(`${value} was acknowledged at ${partition}:${offset} and is not there`);
    }
    let shown = 0;
    for (const [where, value] of this.#shown) {
      if (shown++ >= until.shown) break; // in the order they were shown first
      const [partition, offset] = where.split(":").map(Number);
      if (at.get(where) === value || mayBeGone(partition, offset)) continue;
      found.push(`${value} was shown at ${where} and is not there`);
    }
    return found;
  }
}
