/** check(): whether a broker that started on what was left keeps every promise that the ledger has of it. */
import { Asker, pause, type Read, type ReadLog } from "./asker.ts";
import type { BatchEntry, CommitEntry, Ledger, TopicEntry, TxnEntry } from "./ledger.ts";

export interface Checked {
  /** Promises that were broken. */
  readonly problems: string[];
  /** Partitions that answer 56. */
  readonly offline: string[];
  /** What was read of each partition, in words. */
  readonly seen: Map<string, string>;
}

export interface CheckOptions {
  /** Whether acks=1 counts: the operating system lived on. */
  readonly isKill: boolean;
  /** Whether producers send again what they sent last. */
  readonly retries: boolean;
  /** Whether the producers' session was over before another crash: of each only the last batch is known then. */
  readonly isSecond?: boolean;
}

const OFFLINE = 56;

export async function check(
  address: string,
  ledger: Ledger,
  options: CheckOptions,
): Promise<Checked> {
  const checked: Checked = { problems: [], offline: [], seen: new Map() };
  const asker = await Asker.open(address);
  try {
    await new Check(asker, ledger, options, checked).run();
  } catch (error) {
    checked.problems.push(`the check ended early: ${error instanceof Error ? error.stack : error}`);
  } finally {
    asker.close();
  }
  return checked;
}

class Check {
  readonly #asker: Asker;
  readonly #ledger: Ledger;
  readonly #options: CheckOptions;
  readonly #checked: Checked;
  readonly #byId = new Map<string, BatchEntry>();

  constructor(asker: Asker, ledger: Ledger, options: CheckOptions, checked: Checked) {
    this.#asker = asker;
    this.#ledger = ledger;
    this.#options = options;
    this.#checked = checked;
    for (const one of ledger.batches) for (const id of one.ids) this.#byId.set(id, one);
  }

  #problem(text: string): void {
    this.#checked.problems.push(text);
  }

  #isKept(one: BatchEntry): boolean {
    return one.shownMs === -Infinity ||
      one.ackedMs === -Infinity && (one.acks === -1 || this.#options.isKill);
  }

  async run(): Promise<void> {
    const topics = await this.#topics();
    for (const topic of topics) {
      for (let p = 0; p < topic.partitions; p++) await this.#partition(topic, p);
    }
    await this.#transactions(topics);
    await this.#commits();
    if (!this.#options.retries) return;
    for (const topic of topics) {
      for (let p = 0; p < topic.partitions; p++) {
        if (this.#checked.offline.includes(`${topic.name}-${p}`)) continue;
        await this.#retry(topic, p);
        await this.#partition(topic, p);
      }
    }
  }

  /** Which of those that were made are there. */
  async #topics(): Promise<TopicEntry[]> {
    const there = await this.#asker.topics(), found: TopicEntry[] = [];
    const names = new Set(this.#ledger.topics.map(({ name }) => name));
    for (const name of there.keys()) {
      if (!names.has(name) && !name.startsWith("__")) this.#problem(`topic ${name} was never made`);
    }
    for (const name of names) {
      const made = this.#ledger.topics.filter((one) => one.name === name);
      const is = there.get(name);
      const needed = made.find((one) => one.ackedMs === -Infinity && one.deleteSentMs === Infinity);
      if (is === undefined) {
        if (needed) this.#problem(`topic ${name} (${needed.id}) is gone`);
        continue;
      }
      const match = made.find(({ id }) => id === is.id) ??
        made.find(({ id, ackedMs }) => id === null && ackedMs === Infinity);
      if (match === undefined) this.#problem(`topic ${name} has the id ${is.id} that none had`);
      else if (match.deletedMs === -Infinity) {
        this.#problem(`topic ${name} ${is.id} was deleted, and is back`);
      } else if (needed && needed !== match) {
        this.#problem(`topic ${name} is ${match.id}, not ${needed.id}`);
      } else {
        if (is.partitions !== match.partitions) {
          this.#problem(`${name} has ${is.partitions} partitions`);
        }
        found.push(match);
      }
    }
    return found;
  }

  async #read(topic: TopicEntry, partition: number, isCommitted: boolean): Promise<ReadLog | null> {
    const name = `${topic.name}-${partition}`;
    let log: ReadLog;
    try {
      do log = await this.#asker.readAll(topic.name, partition, isCommitted); while (
        log.error === 1 && topic.kind === "short"
      ); // retention was quicker
    } catch (error) {
      this.#problem(error instanceof Error ? error.message : String(error));
      return null;
    }
    if (log.error === OFFLINE) {
      if (!this.#checked.offline.includes(name)) this.#checked.offline.push(name);
      return null;
    }
    if (log.error !== 0) {
      this.#problem(`${name} answers ${log.error}`);
      return null;
    }
    return log;
  }

  async #partition(topic: TopicEntry, partition: number): Promise<void> {
    const log = await this.#read(topic, partition, false);
    if (log === null) return;
    const name = `${topic.name}-${partition}`, { start, end, records } = log;
    this.#checked.seen.set(
      name,
      `${start}..${end}: ${records.map(({ offset, id }) => `${offset}=${id}`)}`,
    );
    const at = new Map<string, Read>();
    let before = -1;
    for (const record of records) {
      const { id, offset } = record, batch = this.#byId.get(id);
      if (offset <= before) this.#problem(`${name}: ${offset} comes behind ${before}`);
      if (topic.kind !== "compact" && topic.name !== "left" && topic.name !== "right") {
        if (before !== -1 && offset !== before + 1) {
          this.#problem(`${name}: ${before} is followed by ${offset}`);
        }
      }
      before = offset;
      if (batch === undefined) this.#problem(`${name}: ${id} at ${offset} was not sent`);
      else if (batch.topic !== topic || batch.partition !== partition) {
        this.#problem(
          `${name}: ${id} at ${offset} was sent to ${batch.topic.name}-${batch.partition}`,
        );
      } else {
        const i = batch.ids.indexOf(id), value = batch.values[i];
        if (batch.keys[i] !== record.key || !isEqual(value, record.value)) {
          this.#problem(`${name}: ${id} at ${offset} is not what was sent`);
        }
      }
      const other = at.get(id);
      if (other) this.#problem(`${name}: ${id} is there twice, at ${other.offset} and ${offset}`);
      at.set(id, record);
    }
    this.#start(topic, partition, log);
    const batches = this.#ledger.batches.filter((one) =>
      one.topic === topic && one.partition === partition
    );
    if (topic.kind === "compact") this.#latest(name, batches, records);
    else this.#present(name, batches, log, at);
    const kept = batches.filter((one) => this.#isKept(one) && one.offset >= 0);
    const mustEnd = Math.max(0, ...kept.map((one) => one.offset + one.ids.length));
    if (end < mustEnd) this.#problem(`${name} ends at ${end}, acknowledged was ${mustEnd}`);
  }

  /** Where the log begins: where it was told to, and nowhere else. */
  #start(topic: TopicEntry, partition: number, { start, records }: ReadLog): void {
    const name = `${topic.name}-${partition}`;
    const trims = this.#ledger.trims.filter((one) =>
      one.topic === topic && one.partition === partition
    );
    const least = Math.max(
      0,
      ...trims.filter((one) => one.ackedMs === -Infinity).map((one) => one.offset),
    );
    const most = Math.max(0, ...trims.map((one) => one.offset));
    if (start < least) {
      this.#problem(`${name} begins at ${start}, records below ${least} were deleted`);
    }
    if (topic.kind === "short") {
      const bytes = records.reduce((sum, { value }) => sum + 30 + (value?.length ?? 0), 0);
      if (start > 0 && bytes < 4000) {
        this.#problem(`${name} has ${bytes} bytes left behind ${start}`);
      }
    } else if (start > most) this.#problem(`${name} begins at ${start}, asked was ${most}`);
  }

  /** What was acknowledged is where it was; of each producer a beginning. */
  #present(name: string, batches: BatchEntry[], { start }: ReadLog, at: Map<string, Read>): void {
    const missing = new Map<string, BatchEntry>();
    for (const one of batches) {
      const found = one.ids.map((id) => at.get(id)?.offset);
      const isGone = one.offset >= 0 && one.offset + one.ids.length <= start;
      if (this.#isKept(one)) {
        one.ids.forEach((id, i) => {
          const expected = one.offset + i;
          if (expected < start) return;
          if (found[i] === undefined) {
            this.#problem(`${name}: ${id} is lost, acknowledged at ${expected}`);
          } else if (found[i] !== expected) {
            this.#problem(`${name}: ${id} is at ${found[i]}, acknowledged at ${expected}`);
          }
        });
        continue;
      }
      const isThere = found.some((offset) => offset !== undefined);
      if (isThere && found.includes(undefined) && start === 0) {
        this.#problem(`${name}: ${one.ids} is there in part`);
      }
      if (one.sequence < 0) continue;
      const before = missing.get(one.producer);
      if (!isThere && !isGone && before === undefined) missing.set(one.producer, one);
      else if (isThere && before !== undefined && start === 0) {
        this.#problem(`${name}: ${one.ids} is there, and ${before.ids} before it is not`);
      }
    }
  }

  /** Of each key the last value that was acknowledged, or a later one. */
  #latest(name: string, batches: BatchEntry[], records: Read[]): void {
    const order = new Map<string, number>(), acked = new Map<string, number>();
    let n = 0;
    for (const one of batches) {
      one.ids.forEach((id, i) => {
        order.set(id, n);
        if (this.#isKept(one)) acked.set(one.keys[i]!, n);
        n++;
      });
    }
    const last = new Map<string, number>();
    for (const { id, key } of records) {
      const now = order.get(id) ?? -1;
      if (now < (last.get(key!) ?? -1)) {
        this.#problem(`${name}: ${id} of ${key} comes behind a later one`);
      }
      last.set(key!, now);
    }
    for (const [key, needed] of acked) {
      if ((last.get(key) ?? -1) < needed) {
        this.#problem(`${name}: ${key} is ${last.get(key)}, acknowledged was ${needed}`);
      }
    }
    for (const one of batches) {
      if (!this.#isKept(one)) continue;
      one.ids.forEach((id, i) => {
        const there = records.find((record) => record.id === id);
        if (there && one.offset >= 0 && there.offset !== one.offset + i) {
          this.#problem(`${name}: ${id} is at ${there.offset}, acknowledged at ${one.offset + i}`);
        }
      });
    }
  }

  /** Ends what is open, and looks whether each is there whole or not at all. */
  async #transactions(topics: TopicEntry[]): Promise<void> {
    const { txns, batches } = this.#ledger;
    if (txns.length === 0) return;
    const seen = new Set<string>();
    let isWhole = true;
    for (const id of new Set(txns.map((one) => one.id))) {
      for (let tries = 0; await this.#asker.findCoordinator(id, 1) !== 0 && tries < 100; tries++) {
        await pause(20);
      }
      const { error } = await this.#asker.initProducer(id);
      if (error !== 0) this.#problem(`InitProducerId of ${id} answers ${error}`);
    }
    for (const topic of topics.filter(({ name }) => name === "left" || name === "right")) {
      for (let p = 0; p < topic.partitions; p++) {
        let log: ReadLog | null = null;
        for (let tries = 0; tries < 150; tries++) {
          log = await this.#read(topic, p, true);
          if (log === null || log.stable === log.end) break;
          await pause(20);
        }
        if (log === null) isWhole = false;
        else if (log.stable !== log.end) {
          this.#problem(`${topic.name}-${p} stays open at ${log.stable}, its end is ${log.end}`);
          isWhole = false;
        }
        for (const { id } of log?.records ?? []) seen.add(id);
      }
    }
    if (!isWhole) return;
    const outcome = new Map<TxnEntry, boolean>();
    for (const txn of txns) {
      const ids = batches.filter((one) => one.txn === txn).flatMap((one) => one.ids);
      const there = ids.filter((id) => seen.has(id));
      const state = `${txn.id} ${txn.commit} (${txn.isCommit ? "commit" : "abort"}, ${
        txn.ackedMs === -Infinity ? "acknowledged" : txn.sentMs === -Infinity ? "asked" : "open"
      })`;
      if (there.length > 0 && there.length < ids.length) {
        this.#problem(`${state}: ${there.length} of ${ids.length} are there`);
      }
      const isThere = there.length > 0;
      outcome.set(txn, isThere);
      if (isThere && (!txn.isCommit || txn.sentMs !== -Infinity)) {
        this.#problem(`${state} is there`);
      }
      if (!isThere && txn.isCommit && txn.ackedMs === -Infinity) {
        this.#problem(`${state} is not there (${ids.length} records, ${seen.size} seen)`);
      }
    }
    for (const id of new Set(txns.map((one) => one.id))) {
      const committed = txns.filter((one) => one.id === id && outcome.get(one));
      const expected = committed.at(-1)?.commit ?? -1;
      const is = await this.#committed(`of-${id}`, "left", 0);
      if (is !== null && is !== expected) {
        this.#problem(`of-${id} has ${is}, its last transaction ${expected}`);
      }
    }
  }

  async #committed(group: string, topic: string, partition: number): Promise<number | null> {
    for (let tries = 0;; tries++) {
      await this.#asker.findCoordinator(group, 0); // which makes the topic, where a crash came before
      const { error, offset } = await this.#asker.committed(group, topic, partition, true);
      if (error === 0) return offset;
      if (tries > 150) {
        if (error === OFFLINE || error === 15) this.#checked.offline.push(`group ${group}`);
        else this.#problem(`OffsetFetch of ${group} answers ${error}`);
        return null;
      }
      await pause(20);
    }
  }

  async #commits(): Promise<void> {
    const places = new Map<string, CommitEntry[]>();
    for (const one of this.#ledger.commits) {
      const place = `${one.group} ${one.topic}-${one.partition}`;
      places.set(place, [...(places.get(place) ?? []), one]);
    }
    for (const [place, commits] of places) {
      const [{ group, topic, partition }] = commits;
      const is = await this.#committed(group, topic, partition);
      if (is === null) return;
      const last = commits.findLastIndex(({ ackedMs }) => ackedMs === -Infinity);
      const allowed = commits.slice(Math.max(0, last)).map(({ offset }) => offset);
      if (last < 0) allowed.push(-1);
      if (!allowed.includes(is)) {
        this.#problem(`${place} has ${is}, acknowledged was ${commits[last]?.offset}`);
      }
    }
  }

  /** What each idempotent producer sent last is sent again: nothing may be there twice, nothing be refused. */
  async #retry(topic: TopicEntry, partition: number): Promise<void> {
    const streams = new Map<string, BatchEntry[]>();
    for (const one of this.#ledger.batches) {
      if (one.topic !== topic || one.partition !== partition || one.sequence < 0 || one.txn) {
        continue;
      }
      streams.set(one.producer, [...(streams.get(one.producer) ?? []), one]);
    }
    for (const batches of streams.values()) {
      // No more than five are on their way at a time, so what is not acknowledged is among them.
      for (const one of batches.slice(-5)) {
        // It would come behind what others wrote since.
        if (this.#options.isSecond && !this.#isKept(one)) break;
        const got = await this.#asker.produce({ topic: topic.name, partition, bytes: one.bytes });
        const what = `${topic.name}-${partition}: sequence ${one.sequence} of ${one.producer}`;
        if (this.#isKept(one)) {
          // Of what compaction took only the last batch is known: Kafka's snapshots have no more of any log.
          const isOld = topic.kind === "compact" || this.#options.isSecond;
          const isForgotten = got.error === 45 && isOld && one !== batches.at(-1);
          if (!isForgotten && (got.error !== 0 || got.offset !== one.offset)) {
            this.#problem(
              `${what}, acknowledged at ${one.offset}, is answered ${got.error} at ${got.offset}`,
            );
          }
        } else if (got.error !== 0) {
          this.#problem(`${what}, not acknowledged, is answered ${got.error}`);
        } else {
          one.offset = got.offset;
          one.ackedMs = -Infinity;
          (one as { acks: number }).acks = -1;
        }
      }
    }
  }
}

function isEqual(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
