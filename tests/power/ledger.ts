/**
 * Ledger: what was asked of a broker, and what it said, with the time of each; and View, what of it holds at a point of
 * the trace.
 */
import type { Trace } from "./trace.ts";

/** When it was asked, and answered; ms since 1970. Infinity: never. */
export interface Asked {
  sentMs: number;
  ackedMs: number;
}

export interface TopicEntry extends Asked {
  readonly name: string;
  readonly kind: "plain" | "compact" | "short";
  readonly partitions: number;
  id: string | null;
  deleteSentMs: number;
  deletedMs: number;
}

export interface BatchEntry extends Asked {
  readonly topic: TopicEntry;
  readonly partition: number;
  /** Name of the producer, and its batch in this partition; -1: not idempotent. */
  readonly producer: string;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly acks: number;
  readonly ids: string[];
  readonly keys: (string | null)[];
  readonly values: (Uint8Array | null)[];
  readonly txn: TxnEntry | null;
  offset: number;
  error: number;
  /** When a consumer had it. */
  shownMs: number;
}

export interface TxnEntry extends Asked {
  readonly id: string;
  readonly isCommit: boolean;
  /** In the group of its transactional id. */
  readonly commit: number;
  /** Whether all of it was acknowledged before its end was asked for. */
  isWhole: boolean;
}

export interface CommitEntry extends Asked {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface TrimEntry extends Asked {
  readonly topic: TopicEntry;
  readonly partition: number;
  readonly offset: number;
}

export class Ledger {
  readonly topics: TopicEntry[] = [];
  readonly batches: BatchEntry[] = [];
  readonly txns: TxnEntry[] = [];
  readonly commits: CommitEntry[] = [];
  readonly trims: TrimEntry[] = [];
  /** What the load did not expect. */
  readonly oddities: string[] = [];

  /** What of it a crash now leaves to be relied upon: what was not sent never was, and an answer that did not come is open. */
  cut(isSent: (ms: number) => boolean, isAcked: (ms: number) => boolean): Ledger {
    const cut = new Ledger();
    const asked = <A extends Asked>(one: A): A => ({
      ...one,
      sentMs: -Infinity,
      ackedMs: isAcked(one.ackedMs) ? -Infinity : Infinity,
    });
    const topics = new Map<TopicEntry, TopicEntry>(), txns = new Map<TxnEntry, TxnEntry>();
    for (const one of this.topics) {
      if (!isSent(one.sentMs)) continue;
      const copy = asked(one);
      copy.deletedMs = isAcked(one.deletedMs) ? -Infinity : Infinity;
      copy.deleteSentMs = isSent(one.deleteSentMs) ? -Infinity : Infinity;
      if (copy.ackedMs === Infinity) copy.id = null;
      topics.set(one, copy);
      cut.topics.push(copy);
    }
    for (const one of this.txns) {
      // Its end may not have been asked for, while its batches were.
      const copy = asked(one);
      if (!isSent(one.sentMs)) copy.sentMs = Infinity;
      txns.set(one, copy);
      cut.txns.push(copy);
    }
    for (const one of this.batches) {
      if (!isSent(one.sentMs)) continue;
      const copy = {
        ...asked(one),
        topic: topics.get(one.topic)!,
        txn: one.txn && txns.get(one.txn)!,
        shownMs: isAcked(one.shownMs) ? -Infinity : Infinity,
      };
      cut.batches.push(copy);
    }
    for (const one of this.commits) if (isSent(one.sentMs)) cut.commits.push(asked(one));
    for (const one of this.trims) {
      if (isSent(one.sentMs)) cut.trims.push({ ...asked(one), topic: topics.get(one.topic)! });
    }
    return cut;
  }

  copy(): Ledger {
    return this.cut((ms) => ms === -Infinity, (ms) => ms === -Infinity);
  }

  /** As of the first `count` events of a trace. */
  at({ events, timesMs }: Trace, count: number): Ledger {
    const nowMs = count < timesMs.length ? timesMs[count] : Number.MAX_VALUE;
    let lastSend = count - 1;
    while (lastSend >= 0 && events[lastSend].kind !== "send") lastSend--;
    // An answer that came at `ms` was sent before: with the last send before that, at the latest.
    let nextSend = count;
    while (nextSend < events.length && events[nextSend].kind !== "send") nextSend++;
    const nextSendMs = nextSend < events.length ? timesMs[nextSend] : Infinity;
    const lastSendMs = lastSend < 0 ? -Infinity : timesMs[lastSend];
    return this.cut(
      (ms) => ms - SLACK_MS <= nowMs,
      (ms) => ms === -Infinity || lastSendMs > 0 && ms + SLACK_MS < nextSendMs,
    );
  }
}

/** How far the clocks of two processes may be apart. */
const SLACK_MS = 0.3;
