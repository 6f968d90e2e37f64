/**
 * The load: writers of several kinds beside each other for some time, small segments, so that much happens in it; and
 * what they were told goes into a ledger.
 */
import { buildBatch } from "../../src/protocol/records/build.ts";
import { Asker, pause } from "./asker.ts";
import type { BatchEntry, Ledger, TopicEntry, TxnEntry } from "./ledger.ts";

export type Random = () => number;

export function randomOf(seed: number): Random {
  let s = (seed ^ 0x9e3779b9) >>> 0;
  return () => {
    s = s + 0x6d2b79f5 | 0;
    let t = Math.imul(s ^ s >>> 15, 1 | s);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}

const utf8 = new TextEncoder();
const nowMs = () => performance.timeOrigin + performance.now();

/** What an idempotent producer sends again: storage errors, and the sequence behind one that was refused. */
const RETRIED = new Set([3, 6, 7, 14, 15, 16, 45, 56]);

/** One writer's batches to one partition, in order. */
export interface Stream {
  readonly producer: string;
  readonly pid: number;
  readonly epoch: number;
  next: number;
}

export class Load {
  readonly #address: string;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #endsMs: number;
  readonly #tag: string;
  #count = 0;
  /** For things that must end while the broker is killed. */
  isOver = false;

  /** `tag`: its records' and producers' names begin with it. */
  constructor(
    address: string,
    ledger: Ledger,
    options: { random: Random; forMs: number; tag: string },
  ) {
    this.#address = address;
    this.#ledger = ledger;
    this.#random = options.random;
    this.#endsMs = nowMs() + options.forMs;
    this.#tag = options.tag;
  }

  async run(): Promise<void> {
    const asker = await Asker.open(this.#address);
    const small = { "internal.segment.bytes": "12000", "segment.index.bytes": "4096" };
    const plain = await this.#topic(asker, "plain", 3, small);
    const compact = await this.#topic(asker, "compact", 2, {
      "internal.segment.bytes": "4000",
      "cleanup.policy": "compact",
      "min.cleanable.dirty.ratio": "0.01",
      "file.delete.delay.ms": "50",
    }, "compact");
    const left = await this.#topic(asker, "left", 2, small);
    const right = await this.#topic(asker, "right", 1, small);
    const short = await this.#topic(asker, "short", 1, {
      "internal.segment.bytes": "3000",
      "retention.bytes": "9000",
      "file.delete.delay.ms": "50",
    }, "short");
    const many = await this.#topic(asker, "many", 12, { "internal.segment.bytes": "5000" });
    asker.close();
    await Promise.all([
      this.#writer(plain, 0, { inFlight: 3, big: 0.06 }),
      this.#writer(plain, 1, { inFlight: 1, big: 0 }),
      this.#writer(plain, 1, { inFlight: 4, big: 0.02 }),
      this.#writer(plain, 2, { inFlight: 5, big: 0.2 }),
      this.#writer(compact, 0, { inFlight: 1, keys: 8, big: 0 }),
      this.#writer(compact, 1, { inFlight: 2, keys: 30, big: 0.03 }),
      this.#writer(short, 0, { inFlight: 2, big: 0 }),
      this.#scatterer(many),
      this.#transactions("one", [left, right]),
      this.#transactions("two", [left, right]),
      this.#again(),
      this.#committer("readers", plain),
      this.#trimmer(plain),
      this.#reader([plain, left, right, many]),
    ]);
  }

  get #isOn(): boolean {
    return !this.isOver && nowMs() < this.#endsMs;
  }

  async #topic(
    asker: Asker,
    name: string,
    partitions: number,
    configs: Record<string, string>,
    kind: TopicEntry["kind"] = "plain",
  ): Promise<TopicEntry> {
    const there = this.#ledger.topics.find((one) =>
      one.name === name && one.deleteSentMs === Infinity
    );
    if (there?.id) return there;
    const entry: TopicEntry = there ?? {
      name,
      kind,
      partitions,
      id: null,
      sentMs: nowMs(),
      ackedMs: Infinity,
      deleteSentMs: Infinity,
      deletedMs: Infinity,
    };
    if (!there) this.#ledger.topics.push(entry);
    const { error, id, message } = await asker.createTopic(name, partitions, configs);
    if (error === 36 && there) {
      entry.id = (await asker.topics()).get(name)!.id;
      entry.ackedMs = nowMs();
      return entry;
    }
    if (
      error === 36 &&
      this.#ledger.topics.some((one) => one.name === name && one.deleteSentMs === -Infinity)
    ) {
      // The deletion that a crash cut off.
      this.#ledger.topics.splice(this.#ledger.topics.indexOf(entry), 1);
      await asker.deleteTopic(name);
      return await this.#topic(asker, name, partitions, configs, kind);
    }
    if (error !== 0) throw new Error(`${name} is not created: ${error} ${message}`);
    entry.id = id;
    entry.ackedMs = nowMs();
    return entry;
  }

  #batch(
    topic: TopicEntry,
    partition: number,
    stream: Stream,
    { keys = 0, big = 0, txn = null, acks = -1 }: {
      keys?: number;
      big?: number;
      txn?: TxnEntry | null;
      acks?: number;
    },
  ): BatchEntry {
    const random = this.#random, count = 1 + Math.floor(random() ** 2 * 5);
    const ids: string[] = [], keysOf: (string | null)[] = [], values: (Uint8Array | null)[] = [];
    for (let i = 0; i < count; i++) {
      ids.push(`${this.#tag}.${this.#count++}`);
      keysOf.push(keys > 0 ? `k${Math.floor(random() * keys)}` : random() < 0.3 ? "key" : null);
      const size = i === 0 && random() < big
        ? 20_000 + Math.floor(random() ** 2 * 500_000)
        : Math.floor(random() ** 2 * 900);
      const value = new Uint8Array(size);
      for (let j = 0; j < size; j += 7) value[j] = random() * 256;
      values.push(keys > 0 && random() < 0.15 ? null : value);
    }
    const isIdempotent = stream.pid >= 0, sequence = stream.next;
    stream.next += count;
    const bytes = buildBatch({
      records: ids.map((id, i) => ({
        timestampMs: Date.now(),
        key: keysOf[i] === null ? null : utf8.encode(keysOf[i]!),
        value: values[i],
        headers: [{ key: "id", value: utf8.encode(id) }],
      })),
      ...(isIdempotent
        ? { producerId: stream.pid, producerEpoch: stream.epoch, baseSequence: sequence }
        : {}),
      isTransactional: txn !== null,
    });
    return {
      topic,
      partition,
      producer: stream.producer,
      sequence: isIdempotent ? sequence : -1,
      bytes,
      acks,
      ids,
      keys: keysOf,
      values,
      txn,
      offset: -1,
      error: 0,
      sentMs: Infinity,
      ackedMs: Infinity,
      shownMs: Infinity,
    };
  }

  async #send(
    asker: Asker,
    batch: BatchEntry,
    transactionalId: string | null = null,
  ): Promise<void> {
    this.#ledger.batches.push(batch);
    batch.sentMs = nowMs();
    const { topic, partition, bytes, acks } = batch;
    let got = await asker.produce({ topic: topic.name, partition, bytes, acks, transactionalId });
    while (got.error !== 0 && batch.sequence >= 0 && RETRIED.has(got.error) && this.#isOn) {
      await pause(20);
      got = await asker.produce({ topic: topic.name, partition, bytes, acks, transactionalId });
    }
    batch.error = got.error;
    if (got.error !== 0) return;
    batch.offset = got.offset;
    batch.ackedMs = nowMs();
  }

  /** An idempotent producer of one partition. */
  async #writer(
    topic: TopicEntry,
    partition: number,
    { inFlight, keys = 0, big }: { inFlight: number; keys?: number; big: number },
  ): Promise<void> {
    const asker = await Asker.open(this.#address);
    const { pid, epoch } = await asker.initProducer(null);
    const stream: Stream = { producer: `${this.#tag}/${pid}`, pid, epoch, next: 0 };
    while (this.#isOn) {
      const sends: Promise<void>[] = [];
      for (let n = 1 + Math.floor(this.#random() * inFlight); n > 0; n--) {
        const batch = this.#batch(topic, partition, stream, { keys, big });
        sends.push(this.#send(asker, batch).then(() => this.#expect(batch)));
      }
      await Promise.all(sends);
      if (this.#random() < 0.2) await pause(this.#random() * 30);
    }
    asker.close();
  }

  #expect({ topic, partition, error, producer }: BatchEntry): void {
    if (error === 0) return;
    this.#ledger.oddities.push(`produce to ${topic.name}-${partition} by ${producer}: ${error}`);
  }

  /** Without a producer id, to many partitions at once. */
  async #scatterer(topic: TopicEntry): Promise<void> {
    const asker = await Asker.open(this.#address);
    const stream: Stream = { producer: `${this.#tag}/none`, pid: -1, epoch: -1, next: 0 };
    while (this.#isOn) {
      const batches = Array.from({ length: topic.partitions }, (_, partition) => {
        const acks = this.#random() < 0.2 ? 1 : -1;
        return this.#batch(topic, partition, stream, { acks, big: 0.01 });
      });
      await Promise.all(
        batches.filter(() => this.#random() < 0.5).map((one) =>
          this.#send(asker, one).then(() => this.#expect(one))
        ),
      );
      await pause(this.#random() * 20);
    }
    asker.close();
  }

  async #transactions(name: string, topics: TopicEntry[]): Promise<void> {
    const asker = await Asker.open(this.#address), random = this.#random;
    while ((await asker.findCoordinator(name, 1)) !== 0) await pause(30);
    const { error, pid, epoch } = await asker.initProducer(name);
    if (error !== 0) throw new Error(`no producer id for ${name}: ${error}`);
    const streams = new Map<string, Stream>();
    while (this.#isOn) {
      const txn: TxnEntry = {
        id: name,
        isCommit: random() < 0.7,
        commit: this.#count++,
        isWhole: true,
        sentMs: Infinity,
        ackedMs: Infinity,
      };
      this.#ledger.txns.push(txn);
      for (let n = 1 + Math.floor(random() * 4); n > 0; n--) {
        const topic = topics[Math.floor(random() * topics.length)];
        const partition = Math.floor(random() * topic.partitions);
        const key = `${topic.name}-${partition}`;
        const stream = streams.get(key) ??
          { producer: `${this.#tag}/${pid}/${epoch}`, pid, epoch, next: 0 };
        streams.set(key, stream);
        const added = await asker.addPartitions(name, pid, epoch, topic.name, partition);
        if (added !== 0) throw new Error(`${name}: ${key} is not added: ${added}`);
        const batch = this.#batch(topic, partition, stream, { txn, big: 0.02 });
        await this.#send(asker, batch, name);
        this.#expect(batch);
      }
      const [{ name: topic }] = topics;
      const code = await asker.txnCommit({
        transactionalId: name,
        pid,
        epoch,
        group: `of-${name}`,
        topic,
        partition: 0,
        offset: txn.commit,
      });
      if (code !== 0) throw new Error(`${name}: offsets are not taken: ${code}`);
      txn.sentMs = nowMs();
      const ended = await asker.endTxn(name, pid, epoch, txn.isCommit);
      if (ended !== 0) throw new Error(`${name}: EndTxn ${ended}`);
      txn.ackedMs = nowMs();
      if (random() < 0.3) await pause(random() * 20);
    }
    asker.close();
  }

  /** A topic that is made, written to, deleted, and made again. */
  async #again(): Promise<void> {
    const asker = await Asker.open(this.#address), random = this.#random;
    const stream: Stream = { producer: `${this.#tag}/none`, pid: -1, epoch: -1, next: 0 };
    while (this.#isOn) {
      const configs = { "internal.segment.bytes": "3000", "file.delete.delay.ms": "20" };
      const topic = await this.#topic(asker, "again", 2, configs);
      for (let n = Math.floor(random() * 25); n > 0 && this.#isOn; n--) {
        const batch = this.#batch(topic, n % 2, stream, {});
        await this.#send(asker, batch);
        this.#expect(batch);
        if (random() < 0.1) await this.#trim(asker, topic, n % 2, batch.offset);
      }
      topic.deleteSentMs = nowMs();
      const error = await asker.deleteTopic("again");
      if (error !== 0) throw new Error(`again is not deleted: ${error}`);
      topic.deletedMs = nowMs();
      await pause(random() * 100);
    }
    asker.close();
  }

  async #committer(group: string, { name, partitions }: TopicEntry): Promise<void> {
    const asker = await Asker.open(this.#address);
    while ((await asker.findCoordinator(group, 0)) !== 0) await pause(30);
    while (this.#isOn) {
      const partition = Math.floor(this.#random() * partitions);
      const entry = {
        group,
        topic: name,
        partition,
        offset: this.#count++,
        sentMs: nowMs(),
        ackedMs: Infinity,
      };
      this.#ledger.commits.push(entry);
      const error = await asker.commit(group, name, partition, entry.offset);
      if (error === 0) entry.ackedMs = nowMs();
      else if (error !== 14 && error !== 15 && error !== 16) {
        this.#ledger.oddities.push(`commit: ${error}`);
      }
      await pause(this.#random() * 15);
    }
    asker.close();
  }

  async #trim(asker: Asker, topic: TopicEntry, partition: number, offset: number): Promise<void> {
    const entry = { topic, partition, offset, sentMs: nowMs(), ackedMs: Infinity };
    this.#ledger.trims.push(entry);
    const error = await asker.deleteRecords(topic.name, partition, offset);
    if (error === 0) entry.ackedMs = nowMs();
    else this.#ledger.oddities.push(`DeleteRecords of ${topic.name}-${partition}: ${error}`);
  }

  async #trimmer(topic: TopicEntry): Promise<void> {
    const asker = await Asker.open(this.#address);
    while (this.#isOn) {
      await pause(100 + this.#random() * 500);
      const { offset } = await asker.offsetAt(topic.name, 0, -1);
      if (offset > 40) await this.#trim(asker, topic, 0, offset - 40);
    }
    asker.close();
  }

  /** Reads all there is: what was shown once may be relied upon. */
  async observe(): Promise<void> {
    const asker = await Asker.open(this.#address), there = await asker.topics();
    const byId = new Map(this.#ledger.batches.map((one) => [one.ids[0], one]));
    for (const [name, { id, partitions }] of there) {
      if (name.startsWith("__")) continue;
      for (let p = 0; p < partitions; p++) {
        const log = await asker.readAll(name, p, false);
        for (const record of log.records) {
          const batch = byId.get(record.id);
          if (batch === undefined || batch.topic.name !== name) continue;
          batch.topic.id ??= id;
          if (batch.shownMs !== -Infinity) batch.shownMs = nowMs();
          if (batch.offset === -1) batch.offset = record.offset;
        }
      }
    }
    asker.close();
  }

  /** Whoever was shown a record may rely on it. */
  async #reader(topics: TopicEntry[]): Promise<void> {
    const asker = await Asker.open(this.#address);
    const byId = new Map<string, BatchEntry>();
    let known = 0;
    const at = new Map<string, number>();
    while (this.#isOn) {
      for (const topic of topics) {
        for (let partition = 0; partition < topic.partitions && this.#isOn; partition++) {
          const key = `${topic.name}-${partition}`;
          const from = at.get(key) ?? (await asker.offsetAt(topic.name, partition, -1)).offset;
          at.set(key, from);
          const got = await asker.fetch(topic.name, partition, from, false);
          const seenMs = nowMs();
          if (got.errorCode !== 0) {
            at.delete(key);
            continue;
          }
          for (; known < this.#ledger.batches.length; known++) {
            const batch = this.#ledger.batches[known];
            byId.set(batch.ids[0], batch);
          }
          if (got.records === null || got.records.length === 0) continue;
          const { records, next } = asker.recordsOf(got.records, from);
          at.set(key, next);
          for (const { id, offset } of records) {
            const batch = byId.get(id);
            if (batch === undefined || batch.shownMs !== Infinity) continue;
            batch.shownMs = seenMs;
            if (batch.offset === -1) batch.offset = offset;
            else if (batch.offset !== offset) {
              this.#ledger.oddities.push(
                `${id} was acknowledged at ${batch.offset}, shown at ${offset}`,
              );
            }
          }
        }
      }
      await pause(5);
    }
    asker.close();
  }
}
