/**
 * `runnel copy` of an executable between two brokers that serve already, there and back:
 * tests/cli/copy.ts RUNNEL FROM TO [MB]
 *
 * Twenty topics of so many MB together (8 if not given), among them one that was compacted, one with aborted
 * transactions, one of all codecs, one with nulls and empty things, one of records of 5 MB and one that grows while it is
 * copied. The copier is killed (-9) twice each way, once it has sent about a third and two thirds. Then both sides have
 * the same records in the same order, for readers of what is committed and of what is not, and groups go on with the same
 * record.
 */
import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { several } from "../../src/cli/copy/several.ts";
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { Consumer, type ConsumerRecord } from "../../src/client/consumer.ts";
import { commitOffsets } from "../../src/client/group_changes.ts";
import { committedOffsets } from "../../src/client/groups.ts";
import { type Isolation, listOffsets } from "../../src/client/list_offsets.ts";
import { Producer } from "../../src/client/producer.ts";
import type { ProducerRecord } from "../../src/client/producer_record.ts";
import { TransactionalProducer } from "../../src/client/transactional_producer.ts";
import type { CompressionName } from "../../src/protocol/records/compression.ts";
import { Random, seedOfThisRun } from "../random.ts";

const [program, fromAddress, toAddress, megabytes = "8"] = Deno.args;
if (toAddress === undefined) throw new Error("Usage: tests/cli/copy.ts RUNNEL FROM TO [MB]");
/** Much is of larger records. */
const scale = Number(megabytes) >= 100 ? 10 : 1;
const totalBytes = Number(megabytes) * 1e6, seed = seedOfThisRun();
const random = new Random(seed), id = seed.toString(36);
const TOPICS = 20, GROUPS = ["copy-first", "copy-middle", "copy-end"].map((one) => `${one}-${id}`);
const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
const utf8 = new TextEncoder();
const from = new Cluster({ bootstrap: fromAddress }), to = new Cluster({ bootstrap: toAddress });

console.log(`seed ${seed}: ${TOPICS} topics of ${megabytes} MB together`);
const names = Array.from({ length: TOPICS }, (_, n) => `copy-${id}-${`${n}`.padStart(2, "0")}`);
const growing = names[19], noise = random.bytes(1 << 20);
const startMs = performance.now();
let grower: ReturnType<typeof grow> | undefined;
try {
  await fill();
  await commitGroups(from, names);
  console.log(`filled in ${seconds(startMs)} s`);
  grower = grow();
  const topics = ["--topics", `copy-${id}-..`];
  const there = ["--from", fromAddress, "--to", toAddress, ...topics];
  await copiedWithKills("there", from, to, there, (name) => name);
  const back = ["--from", toAddress, "--to", fromAddress, ...topics, "--prefix", "back."];
  await copiedWithKills("back", to, from, back, (name) => `back.${name}`);
} finally {
  grower?.stop();
  if (Deno.env.get("KEEP") === undefined) await deleteAll();
  from.close();
  to.close();
}

/** What compaction left out would look like a loss to who reads the broker's files behind this. */
async function deleteAll(): Promise<void> {
  for (const cluster of [from, to]) {
    const admin = new Admin(cluster), there = await admin.listTopics();
    const ours = there.map(({ name }) => name).filter((name) => name.includes(`copy-${id}-`));
    await admin.deleteTopics(ours);
  }
}

async function copiedWithKills(
  way: string,
  source: Cluster,
  target: Cluster,
  args: readonly string[],
  targetOf: (name: string) => string,
): Promise<void> {
  const all = await endsOf(source, names), began = performance.now();
  let killed = 0;
  for (const share of [0.3, 0.65]) {
    using run = started(["copy", ...args, "--groups", `copy-.*-${id}`]);
    for (;;) {
      const ended = await Promise.race([run.status, pause(20)]);
      const there = await endsOf(target, names.map(targetOf)).catch(() => 0);
      if (there >= all * share) break;
      if (ended) {
        throw new Error(`copy ended with ${ended.code} at ${there} of ${all}: ${await run.error}`);
      }
    }
    run.kill();
    if ((await run.status).signal === "SIGKILL") killed++;
  }
  assertEquals(killed, 2, "the copier was faster than who was to kill it: give it more MB");
  if (way === "there") grower?.stop();
  await grower?.done;
  const last = await ran(["copy", ...args, "--groups", `copy-.*-${id}`, "--json"]);
  const tookMs = performance.now() - began;
  const told = last.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(told.filter(({ state }) => state === "failed"), []);
  let records = 0, bytes = 0;
  for (const name of names) {
    const source_ = await contentOf(source, name);
    for (const isolation of ["readCommitted", "readUncommitted"] as const) {
      const target_ = await contentOf(target, targetOf(name), isolation);
      assertEquals(target_.digests, source_.digests, `${name}, ${isolation}`);
    }
    records += source_.records;
    bytes += source_.bytes;
  }
  const groups = await comparedGroups(source, target, targetOf);
  console.log(
    `${way}: ${records} records, ${(bytes / 1e6).toFixed(0)} MB in ${
      (tookMs / 1000).toFixed(1)
    } s with two kills ` +
      `(${
        (bytes / 1e3 / tookMs).toFixed(1)
      } MB/s): equal; ${groups} offsets of groups at the same record`,
  );
}

async function fill(): Promise<void> {
  const admin = new Admin(from), share = totalBytes / TOPICS;
  const configs: Record<number, Record<string, string>> = {
    1: {
      "cleanup.policy": "compact",
      "min.cleanable.dirty.ratio": "0.01",
      "segment.ms": "1000",
      "segment.bytes": "1048576",
    },
    5: { "max.message.bytes": "6000000" },
    6: { "message.timestamp.type": "LogAppendTime" },
  };
  await admin.createTopics(names.map((name, n) => ({
    name,
    partitions: 1 + n % 4,
    configs: { "retention.ms": "-1", ...configs[n] },
  })));
  await several(names, 10, async (topic) => {
    const n = names.indexOf(topic), max = scale * (n % 2 === 0 ? 200 : 4000);
    if (n === 1) await fillKeyed(topic, share);
    else if (n === 2) await fillTransactions(topic, share);
    else if (n === 3) {
      for (const codec of CODECS) await fillPlain(topic, share / 5, { max: 1 << 10, codec });
    } else if (n === 5) {
      await fillPlain(topic, Math.max(share, 15e6), { max: 5_000_000, codec: "none" });
    } else await fillPlain(topic, share, { max, codec: CODECS[n % 5] });
  });
  // Later than all before by more than segment.ms: what came before is in segments that may be cleaned.
  await fillKeyed(names[1], 20_000, 1_702_000_000_000);
  await compacted(names[1]);
}

async function fillPlain(
  topic: string,
  bytes: number,
  { max, codec }: { readonly max: number; readonly codec: CompressionName },
): Promise<void> {
  const lingerMs = random.pick([0, 5]), maxBatchBytes = random.pick([2000, 16_000, 200_000]);
  await using producer = new Producer(from, {
    compression: codec,
    lingerMs,
    maxBatchBytes,
    bufferBytes: 1 << 20,
  });
  await sendAll(producer, bytes, () => someRecord(topic, max));
}

async function fillKeyed(topic: string, bytes: number, timestampMs?: number): Promise<void> {
  await using producer = new Producer(from, { compression: "lz4", lingerMs: 5 });
  await sendAll(producer, bytes, () => ({
    ...someRecord(topic, 1000),
    key: utf8.encode(`key ${random.below(500)}`),
    ...timestampMs === undefined ? {} : { timestampMs },
  }));
}

async function fillTransactions(topic: string, bytes: number): Promise<void> {
  await using producer = new TransactionalProducer(from, { transactionalId: `copy-${id}` });
  await producer.init();
  for (let left = bytes, n = 0; left > 0 && n < 300; n++) {
    producer.begin();
    const part = Math.min(left, Math.max(bytes / 100, 3000));
    await sendAll(producer, part, () => someRecord(topic, 1000));
    if (n % 3 === 1) await producer.abort();
    else await producer.commit();
    left -= part;
  }
}

async function sendAll(
  producer: Producer | TransactionalProducer,
  bytes: number,
  next: () => ProducerRecord,
): Promise<void> {
  let failure: unknown = null;
  for (let sent = 0; sent < bytes && failure === null;) {
    const record = next();
    sent += (record.value?.length ?? 0) + (record.key?.length ?? 0) + 20;
    await producer.room();
    producer.send(record).catch((error) => failure ??= error);
  }
  await producer.flush();
  if (failure !== null) throw failure;
}

/** Nulls, empty things and headers are in each of them; timestamps go up and down. */
function someRecord(topic: string, max: number): ProducerRecord {
  const kind = random.below(20);
  const size = Math.min(noise.length, 1 + random.below(max));
  const at = random.below(noise.length - size + 1);
  const value = max > noise.length
    ? new Uint8Array(max - random.below(1000)).fill(random.below(256))
    : noise.slice(at, at + size);
  // Half of it is compressible.
  value.fill(7, value.length >> 1);
  return {
    topic,
    key: kind === 0 ? null : kind === 1 ? "" : `key ${random.below(1e6)}`,
    value: kind === 2 ? null : kind === 3 ? "" : value,
    headers: kind < 8
      ? [{ key: "", value: null }, { key: "h", value: "" }, {
        key: "é",
        value: noise.subarray(0, kind),
      }]
      : [],
    timestampMs: 1_700_000_000_000 + random.below(1e9),
  };
}

/** Writes on and on to the last topic until it is told to stop. */
function grow(): { stop: () => void; done: Promise<void> } {
  let isStopped = false;
  const done = (async () => {
    await using producer = new Producer(from, { compression: "zstd" });
    while (!isStopped) {
      await sendAll(producer, 20_000, () => someRecord(growing, 500));
      await pause(20);
    }
  })();
  return { stop: () => isStopped = true, done };
}

/**
 * Waits until every partition of the topic was compacted, then keeps the cleaners of both sides from it: what is copied
 * and compared is one content.
 */
async function compacted(topic: string): Promise<void> {
  const ends = await endsByPartition(from, [topic]);
  const isCompacted = ({ counts }: Content) => counts.every((count, n) => count < ends[n] * 0.9);
  const { records } = await until(
    `${topic} is compacted`,
    () => contentOf(from, topic),
    isCompacted,
  );
  await new Admin(from).alterConfigs({ type: "topic", name: topic }, {
    "cleanup.policy": "delete",
  });
  let last = "";
  await until(`the records of ${topic} stay`, () => contentOf(from, topic), ({ digests }) => {
    const isSame = `${digests}` === last;
    last = `${digests}`;
    return isSame;
  });
  console.log(`${topic} was compacted to ${records} records`);
}

/** Asks each second, for 90 s. */
async function until<T>(
  what: string,
  ask: () => Promise<T>,
  is: (answer: T) => boolean,
): Promise<T> {
  for (let tries = 0; tries < 90; tries++) {
    const answer = await ask();
    if (is(answer)) return answer;
    await pause(1000);
  }
  throw new Error(`not within 90 s: ${what}`);
}

/** Each at another place of every partition. */
async function commitGroups(cluster: Cluster, topics: readonly string[]): Promise<void> {
  for (const [n, group] of GROUPS.entries()) {
    const offsets = [];
    for (const topic of topics) {
      for (const { index: partition } of (await cluster.topic(topic)).partitions) {
        const [{ offset: end }] = await listOffsets(cluster, [{ topic, partition, at: "latest" }]);
        const offset = n === 0 ? 0 : n === 2 ? end : random.below(end + 1);
        offsets.push({ topic, partition, offset: BigInt(offset) });
      }
    }
    await commitOffsets(cluster, group, offsets);
  }
}

/** Returns how many were compared. */
async function comparedGroups(
  source: Cluster,
  target: Cluster,
  targetOf: (name: string) => string,
): Promise<number> {
  let compared = 0;
  for (const group of GROUPS) {
    const there = new Map(
      (await committedOffsets(target, group)).map((one) => [`${one.topic}-${one.partition}`, one]),
    );
    for (const { topic, partition, offset } of await committedOffsets(source, group)) {
      if (!names.includes(topic)) continue;
      const other = there.get(`${targetOf(topic)}-${partition}`);
      const place = `${targetOf(topic)}-${partition}`;
      if (other === undefined) throw new Error(`${group} has nothing in ${place}`);
      const one = await recordAt(source, topic, partition, Number(offset));
      const two = await recordAt(target, other.topic, partition, Number(other.offset));
      assertEquals(two, one, `${group} in ${topic}-${partition}: ${offset} became ${other.offset}`);
      compared++;
    }
  }
  return compared;
}

/** The record a group would get first there, as text; null at the end. */
async function recordAt(
  cluster: Cluster,
  topic: string,
  partition: number,
  offset: number,
): Promise<string | null> {
  for await (const records of recordsOf(cluster, topic, partition, "readCommitted", offset)) {
    if (records.length > 0) return digestOf(records.slice(0, 1));
  }
  return null;
}

interface Content {
  /** By partition, as the counts are. */
  readonly digests: readonly string[];
  readonly counts: readonly number[];
  readonly records: number;
  readonly bytes: number;
}

async function contentOf(
  cluster: Cluster,
  topic: string,
  isolation: Isolation = "readCommitted",
): Promise<Content> {
  const digests: string[] = [], counts: number[] = [];
  let bytes = 0;
  for (const { index } of (await cluster.topic(topic)).partitions) {
    const hash = createHash("sha256");
    let count = 0;
    for await (const some of recordsOf(cluster, topic, index, isolation)) {
      for (const record of some) {
        bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
        hashInto(hash, record);
      }
      count += some.length;
    }
    digests.push(hash.digest("hex"));
    counts.push(count);
  }
  return { digests, counts, records: counts.reduce((sum, count) => sum + count, 0), bytes };
}

async function* recordsOf(
  cluster: Cluster,
  topic: string,
  partition: number,
  isolation: Isolation,
  offset = 0,
): AsyncGenerator<ConsumerRecord[], void> {
  using consumer = new Consumer(cluster, { autoOffsetReset: "earliest", isolation });
  const one = { topic, partition };
  const [{ offset: end }] = await listOffsets(cluster, [{ ...one, at: "latest" }], { isolation });
  consumer.assign([one]);
  consumer.seek(one, offset);
  while (!consumer.hasReached(one, end)) yield await consumer.poll(1000);
}

function digestOf(records: readonly ConsumerRecord[]): string {
  const hash = createHash("sha256");
  for (const record of records) hashInto(hash, record);
  return hash.digest("hex");
}

function hashInto(hash: ReturnType<typeof createHash>, record: ConsumerRecord): void {
  const part = (bytes: Uint8Array | null) => {
    hash.update(`${bytes === null ? "null" : bytes.length} `);
    if (bytes !== null) hash.update(bytes);
  };
  hash.update(`${record.timestampMs} ${record.headers.length} `);
  part(record.key);
  part(record.value);
  for (const { key, value } of record.headers) {
    part(utf8.encode(key));
    part(value);
  }
}

async function endsOf(cluster: Cluster, topics: readonly string[]): Promise<number> {
  return (await endsByPartition(cluster, topics)).reduce((sum, end) => sum + end, 0);
}

async function endsByPartition(cluster: Cluster, topics: readonly string[]): Promise<number[]> {
  const asked = [];
  for (const topic of topics) {
    for (const { index } of (await cluster.topic(topic)).partitions) {
      asked.push({ topic, partition: index, at: "latest" as const });
    }
  }
  return (await listOffsets(cluster, asked)).map(({ offset }) => offset);
}

function started(args: readonly string[]) {
  const child = new Deno.Command(program, { args: [...args], stdout: "null", stderr: "piped" })
    .spawn();
  const error = new Response(child.stderr).text();
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  };
  return { status: child.status, error, kill, [Symbol.dispose]: kill };
}

async function ran(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, `${args.join(" ")}: ${new TextDecoder().decode(stderr)}${text}`);
  return text;
}

function pause(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms));
}

function seconds(sinceMs: number): string {
  return ((performance.now() - sinceMs) / 1000).toFixed(1);
}
