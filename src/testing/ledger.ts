/**
 * Ledger: what the world outside knows of one partition of one incarnation of a topic: what was sent, what of it was
 * acknowledged at which offset, and what consumers were shown. It judges what a log serves.
 *
 * | complaint | means |
 * |---|---|
 * | lost | acknowledged or shown, and not there |
 * | doubled | one record at two offsets |
 * | moved | at another offset than was answered |
 * | given twice | an offset that somebody knows has another record now |
 * | made up | nobody sent it to this incarnation of the topic |
 * | resurrected | was not there after a start, and is again; or a key that was deleted or written anew |
 */

/** A batch that was sent. */
export interface Attempt {
  readonly records: readonly SentRecord[];
  readonly producer: { readonly id: number; readonly sequence: number } | null;
  /** Where it was put when it was sent last; -1 before. */
  base: number;
  /** "sent": whoever sent it does not know. "gone": it was not in the log after a start. */
  state: "sent" | "acked" | "gone";
  /** Bytes that had been sent before it. */
  readonly sentBytes: number;
}

export interface SentRecord {
  /** One in the whole history. */
  readonly name: string;
  readonly key: string | null;
  readonly isTombstone: boolean;
  readonly valueBytes: number;
}

/** A record as a consumer sees it. */
export interface FoundRecord extends SentRecord {
  readonly offset: number;
  readonly leaderEpoch: number;
}

export class Ledger {
  readonly attempts: Attempt[] = [];
  readonly isCompacted: boolean;
  /** Log starts that were answered: no start may go below. */
  startAtLeast = 0;
  /** The highest log start seen: no start may hide more. */
  startAtMost = 0;
  sentBytes = 0;
  readonly #byName = new Map<string, { attempt: Attempt; index: number }>();
  readonly #shown = new Map<number, string>();
  readonly #acked = new Map<number, Attempt>();

  constructor(isCompacted: boolean) {
    this.isCompacted = isCompacted;
  }

  sending(
    records: readonly SentRecord[],
    producer: Attempt["producer"],
    bytes: number,
  ): Attempt {
    const attempt: Attempt = {
      records,
      producer,
      base: -1,
      state: "sent",
      sentBytes: this.sentBytes,
    };
    this.sentBytes += bytes;
    this.attempts.push(attempt);
    records.forEach(({ name }, index) => this.#byName.set(name, { attempt, index }));
    return attempt;
  }

  /** The batch was acknowledged at `attempt.base`; what is wrong with that. */
  acknowledged(attempt: Attempt): string[] {
    const complaints: string[] = [];
    attempt.state = "acked";
    for (const [i, { name }] of attempt.records.entries()) {
      const offset = attempt.base + i;
      const other = this.#acked.get(offset), shown = this.#shown.get(offset);
      const isTaken = other !== undefined && other !== attempt ||
        shown !== undefined && shown !== name;
      if (isTaken) {
        const owner = shown ?? other!.records[offset - other!.base].name;
        complaints.push(`given twice: ${name} was acknowledged at ${offset}, which is ${owner}'s`);
      }
      this.#acked.set(offset, attempt);
    }
    return complaints;
  }

  /** Whether consumers have seen it, so that a retry must find it. */
  wasShown({ base, records }: Attempt): boolean {
    return records.some(({ name }, i) => this.#shown.get(base + i) === name);
  }

  /** What is wrong with what a consumer was given of [logStart, end); notes that it was shown. */
  judge(
    found: readonly FoundRecord[],
    { logStart, end, isRestart }: { logStart: number; end: number; isRestart: boolean },
  ): string[] {
    const complaints: string[] = [];
    const there = new Map<number, FoundRecord>(), seen = new Map<string, number>();
    let next = logStart;
    for (const one of found) {
      const { offset, name } = one;
      if (offset < next) complaints.push(`reordered: ${offset} comes after ${next - 1}`);
      if (!this.isCompacted && offset > next) {
        complaints.push(`lost: a gap from ${next} to ${offset}`);
      }
      next = offset + 1;
      const before = seen.get(name);
      if (before !== undefined) complaints.push(`doubled: ${name} is at ${before} and ${offset}`);
      seen.set(name, offset);
      there.set(offset, one);
      complaints.push(...this.#judgeOne(one));
    }
    if (!this.isCompacted && next < end) {
      complaints.push(`lost: a gap from ${next} to the end ${end}`);
    }
    if (isRestart) {
      const { startAtLeast, startAtMost } = this;
      if (logStart > startAtMost) {
        complaints.push(`lost: the log starts at ${logStart}, was at ${startAtMost}`);
      }
      if (logStart < startAtLeast) {
        complaints.push(
          `resurrected: the log starts at ${logStart}, deleted was up to ${startAtLeast}`,
        );
      }
    }
    complaints.push(
      ...this.isCompacted ? this.#judgeKeys(found) : this.#judgeOffsets(there, logStart),
    );
    for (const { offset, name } of found) this.#shown.set(offset, name);
    if (isRestart) this.#settle(there, logStart, end, complaints);
    return complaints;
  }

  /** Everything from `offset` on was given up by who repaired the log. */
  cutAt(offset: number): void {
    if (this.isCompacted) this.#forgetOlderThanCut(offset);
    for (const attempt of this.attempts) {
      if (attempt.base + attempt.records.length > offset && attempt.base >= 0) {
        if (attempt.state === "acked") attempt.state = "sent";
      }
    }
    for (const map of [this.#acked, this.#shown]) {
      for (const at of [...map.keys()]) if (at >= offset) map.delete(at);
    }
    this.startAtLeast = Math.min(this.startAtLeast, offset);
  }

  /** What a record that is cut was written over may be gone: compaction went by it. */
  #forgetOlderThanCut(offset: number): void {
    const cut = new Set<string>();
    for (const { base, records } of this.attempts) {
      records.forEach(({ key }, i) => base >= 0 && base + i >= offset && cut.add(key!));
    }
    for (const [at, { base, records }] of [...this.#acked]) {
      if (cut.has(records[at - base].key!)) this.#acked.delete(at);
    }
  }

  #judgeOne({ offset, name }: FoundRecord): string[] {
    const sent = this.#byName.get(name);
    if (sent === undefined) return [`made up: ${name} at ${offset}`];
    const { attempt, index } = sent;
    if (attempt.state === "gone") return [`resurrected: ${name} at ${offset}`];
    if (attempt.base + index !== offset) {
      return [`moved: ${name} is at ${offset}, answered was ${attempt.base + index}`];
    }
    return [];
  }

  /** Nothing is missing of what was acknowledged or shown. */
  #judgeOffsets(there: ReadonlyMap<number, FoundRecord>, logStart: number): string[] {
    const complaints: string[] = [];
    for (const [offset, attempt] of this.#acked) {
      const { name } = attempt.records[offset - attempt.base];
      const now = there.get(offset)?.name;
      if (offset >= logStart && now !== name) {
        complaints.push(`lost: ${name}, acknowledged at ${offset}, where ${now ?? "nothing"} is`);
      }
    }
    for (const [offset, name] of this.#shown) {
      const now = there.get(offset)?.name;
      if (offset >= logStart && now !== name) {
        complaints.push(`lost: ${name}, shown at ${offset}, where ${now ?? "nothing"} is`);
      }
    }
    return complaints;
  }

  /** Of every key the latest that was acknowledged, or a later one. */
  #judgeKeys(found: readonly FoundRecord[]): string[] {
    const complaints: string[] = [];
    const latest = new Map<string, number>();
    for (const { key, offset, name } of found) {
      latest.set(key!, offset);
      const shown = this.#shown.get(offset);
      if (shown !== undefined && shown !== name) {
        complaints.push(`given twice: ${offset} is ${name}'s, shown was ${shown}`);
      }
    }
    const owed = new Map<string, { offset: number; record: SentRecord }>();
    for (const [offset, attempt] of this.#acked) {
      const record = attempt.records[offset - attempt.base];
      if (offset >= (owed.get(record.key!)?.offset ?? 0)) owed.set(record.key!, { offset, record });
    }
    for (const [key, { offset, record }] of owed) {
      const now = latest.get(key);
      if (now !== undefined && now >= offset) continue;
      if (now === undefined && record.isTombstone) continue;
      const what = record.isTombstone ? "deleted" : `written as ${record.name}`;
      complaints.push(
        now === undefined
          ? `lost: ${key}, ${what} at ${offset}`
          : `resurrected: ${key} as of ${now}, ${what} at ${offset}`,
      );
    }
    return complaints;
  }

  /** After a start it is known what became of batches without an answer. */
  #settle(
    there: ReadonlyMap<number, FoundRecord>,
    logStart: number,
    end: number,
    complaints: string[],
  ): void {
    for (const attempt of this.attempts) {
      if (attempt.state !== "sent" || attempt.base < 0) continue;
      const owed = attempt.records.filter((_, i) => attempt.base + i >= logStart);
      const present = attempt.records.filter(({ name }, i) =>
        attempt.base + i >= logStart && there.get(attempt.base + i)?.name === name
      );
      const isPartly = present.length > 0 && present.length < owed.length;
      if (isPartly && !this.isCompacted) {
        complaints.push(`torn: ${present.length} of ${owed.length} records at ${attempt.base}`);
      }
      const mayBeCompacted = this.isCompacted && attempt.base < end;
      if (present.length === 0 && owed.length > 0 && !mayBeCompacted) attempt.state = "gone";
    }
  }
}
