/**
 * Proves that the producer batches, keeps order and loses or doubles nothing over retries, by sending to a scripted
 * broker that checks sequences as a real one does and fails when it is told to.
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { joined } from "../protocol/codec.ts";
import { decodeRequest, encodeResponse } from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { Produce } from "../protocol/messages/produce.ts";
import * as batch from "../protocol/records/batch.ts";
import { readRecords } from "../protocol/records/record.ts";
import { Cluster } from "./cluster.ts";
import { KafkaError } from "./errors.ts";
import { Producer, type ProducerOptions, type ProducerRecord } from "./producer.ts";
import { type Asked, ScriptedSocket, versionsAnswer } from "../testing/scripted_socket.ts";

/** One broker with topic "t" of two partitions. `faults` are taken one a produce request; 0 is none. */
class OneBroker {
  readonly stored: string[][] = [[], []];
  readonly batches: number[] = [];
  readonly #nextSequence = new Map<string, number>();
  /** Offsets by producer, partition and sequence; a real broker remembers five. */
  readonly #offsets = new Map<string, number>();
  #producerIds = 100;
  identityFault = 0;
  /** A larger batch is MESSAGE_TOO_LARGE. */
  maxBytes = Infinity;

  constructor(readonly faults: (number | "lose answer" | "no answer")[] = []) {}

  readonly dial = () => Promise.resolve(new ScriptedSocket((asked) => this.#answer(asked)));

  #answer(asked: Asked): Uint8Array | null {
    const { apiKey, apiVersion, correlationId, frame, bodyAt } = asked;
    switch (apiKey) {
      case ApiVersions.key:
        return versionsAnswer({ apiVersion, correlationId }, [[0, 9], [3, 9], [18, 4], [22, 3]]);
      case Metadata.key:
        return joined(encodeResponse(Metadata, apiVersion, correlationId, {
          brokers: [{ nodeId: 0, host: "broker", port: 9092 }],
          topics: decodeRequest(Metadata, apiVersion, frame, bodyAt).topics!.map(({ name }) =>
            name === "t"
              ? { name, partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }
              : { name: name!, errorCode: name === "missing" ? 3 : 17 }
          ),
        }));
      case InitProducerId.key:
        return joined(encodeResponse(InitProducerId, apiVersion, correlationId, {
          producerId: this.#producerIds++,
          errorCode: this.identityFault,
        }));
      default: {
        const request = decodeRequest(Produce, apiVersion, frame, bodyAt);
        const { index, records } = request.topicData[0].partitionData[0];
        const answer = this.#append(index, records!);
        if (request.acks === 0 || answer === null) return null;
        return joined(encodeResponse(Produce, apiVersion, correlationId, {
          responses: [{ name: "t", partitionResponses: [{ index, ...answer }] }],
        }));
      }
    }
  }

  #append(index: number, bytes: Uint8Array): { errorCode: number; baseOffset: number } | null {
    const fault = this.faults.shift() ?? 0;
    if (typeof fault === "number" && fault !== 0) return { errorCode: fault, baseOffset: -1 };
    if (bytes.length > this.maxBytes) return { errorCode: 10, baseOffset: -1 };
    const producer = `${batch.producerId(bytes)} ${index}`, sequence = batch.baseSequence(bytes);
    const offset = this.stored[index].length;
    if (batch.producerId(bytes) >= 0) {
      const known = this.#offsets.get(`${producer} ${sequence}`);
      if (known !== undefined) return { errorCode: 0, baseOffset: known };
      // Whoever is new may begin anywhere (ProducerAppendInfo.checkSequence).
      const due = this.#nextSequence.get(producer) ?? sequence;
      if (sequence !== due) return { errorCode: 45, baseOffset: -1 };
    }
    for (const { value } of readRecords(bytes)) {
      this.stored[index].push(new TextDecoder().decode(value!));
    }
    this.batches.push(batch.recordCount(bytes));
    this.#nextSequence.set(producer, sequence + batch.recordCount(bytes));
    this.#offsets.set(`${producer} ${sequence}`, offset);
    if (fault === "lose answer") throw new Error("the connection ends");
    return fault === "no answer" ? null : { errorCode: 0, baseOffset: offset };
  }
}

function produce(broker: OneBroker, options: ProducerOptions = {}) {
  const cluster = new Cluster({ bootstrap: "broker:9092", dial: broker.dial, retryBackoffMs: 1 });
  const producer = new Producer(cluster, options);
  return {
    producer,
    cluster,
    async [Symbol.asyncDispose]() {
      await producer.close();
      cluster.close();
    },
  };
}

/** Sends "0", "1"… to partition 0, a record a batch. */
const sendAll = (producer: Producer, count: number) =>
  Array.from(
    { length: count },
    (_, i) => producer.send({ topic: "t", partition: 0, value: `${i}` }),
  );

const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);

Deno.test("records sent in one turn share a batch, and each learns its offset", async () => {
  const broker = new OneBroker();
  await using client = produce(broker);
  const deliveries = await Promise.all(sendAll(client.producer, 10));
  assertEquals(deliveries.map(({ offset }) => offset), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(broker.stored[0], numbers(10));
  assertEquals(broker.batches, [10]);
});

Deno.test("post() tells its receiver of each record, by mark, and of what is refused before it returns", async () => {
  const broker = new OneBroker([0, 10]); // MESSAGE_TOO_LARGE
  await using client = produce(broker, { maxBatchBytes: 1, bufferBytes: 100 });
  const told: string[] = [];
  const receiver = {
    delivered: (mark: number, { offset }: { offset: number }) => told.push(`${mark} at ${offset}`),
    failed: (mark: number, error: unknown) =>
      told.push(`${mark}: ${error instanceof KafkaError ? error.kafkaName : error}`),
  };
  const value = new TextEncoder().encode("0");
  await client.producer.send({ topic: "t", partition: 0, value: "first" });
  for (let mark = 0; mark < 4; mark++) {
    client.producer.post({ topic: "t", partition: 0, value }, receiver, mark);
  }
  assertEquals(client.producer.hasRoom, false);
  client.producer.post({ topic: "t", partition: 0, value }, receiver, 4);
  assertEquals(told, ["4: Error: Cannot send: 100 bytes wait already; await room() first"]);
  value.fill(0); // they are the caller's again
  await client.producer.flush();
  assertEquals(client.producer.hasRoom, true);
  client.producer.post({ topic: "t", value: 1 as unknown as string }, receiver, 5);
  await client.producer.close();
  client.producer.post({ topic: "t", value: "late" }, receiver, 6);
  assertEquals(told.slice(1), [
    "0: MESSAGE_TOO_LARGE",
    "1 at 1",
    "2 at 2",
    "3 at 3",
    "5: TypeError: Cannot send to t: value is a number, needs text, bytes or null",
    "6: Error: Cannot send: the producer is closed",
  ]);
  assertEquals(broker.stored[0], ["first", "0", "0", "0"]);
});

Deno.test("a topic that is not there, or a broker, is waited for no longer than a call may take", async () => {
  const refuse = () => Promise.reject(new Error("connection refused"));
  for (const dial of [new OneBroker().dial, refuse]) {
    await using producer = new Producer({ bootstrap: "broker:9092", dial, callTimeoutMs: 300 });
    const beganMs = performance.now();
    await assertRejects(() => producer.send({ topic: "missing", value: "x" }));
    assert(performance.now() - beganMs < 5000);
  }
});

Deno.test("as many batches are on their way as maxInFlight says, and no more than keep their order if it says nothing", async () => {
  const options: [ProducerOptions, number][] = [
    [{}, 5],
    [{ maxInFlight: 2 }, 2],
    [{ maxInFlight: 9 }, 5],
    [{ acks: "leader" }, 1],
    [{ acks: "leader", maxInFlight: 8 }, 8],
  ];
  for (const [some, expected] of options) {
    const broker = new OneBroker([0, ...new Array(20).fill("no answer")]);
    await using client = produce(broker, { ...some, maxBatchBytes: 1 });
    await client.producer.send({ topic: "t", partition: 0, value: "first" });
    const sent = sendAll(client.producer, 20);
    sent.forEach((one) => one.catch(() => {}));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const onTheirWay = broker.batches.length - 1;
    client.cluster.close();
    await Promise.allSettled(sent);
    assertEquals(onTheirWay, expected, JSON.stringify(some));
  }
});

Deno.test("overlapping batches keep their order when some must be sent again", async () => {
  // 6 is NOT_LEADER_OR_FOLLOWER: the four batches behind the failed one are refused by their sequence.
  for (const faults of [[6], [0, 6, 0, 6], [0, 0, 6, 6, 6], [6, 0, 0, 0, 0, 0, 6]]) {
    const broker = new OneBroker([...faults]);
    await using client = produce(broker, { maxBatchBytes: 1 });
    const deliveries = await Promise.all(sendAll(client.producer, 20));
    assertEquals(broker.stored[0], numbers(20), `faults ${faults}`);
    assertEquals(deliveries.map(({ offset }) => `${offset}`), numbers(20));
  }
});

Deno.test("a batch whose answer was lost with the connection is stored once", async () => {
  const broker = new OneBroker([0, "lose answer"]);
  await using client = produce(broker, { maxBatchBytes: 1 });
  await Promise.all(sendAll(client.producer, 8));
  assertEquals(broker.stored[0], numbers(8));
});

/** The first batch finds its leader late, as while the connection to it is made anew; the others at once. */
class LateLeader extends Cluster {
  #calls = 0;

  override async leader(topic: string, index: number): ReturnType<Cluster["leader"]> {
    if (this.#calls++ === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    return await super.leader(topic, index);
  }
}

Deno.test("a batch that overtakes an earlier one is sent again behind it", async () => {
  const broker = new OneBroker();
  const cluster = new LateLeader({ bootstrap: "b:9092", dial: broker.dial, retryBackoffMs: 1 });
  const producer = new Producer(cluster, { maxBatchBytes: 1 });
  await Promise.all(sendAll(producer, 4));
  assertEquals(broker.stored[0], numbers(4));
  await producer.close();
  cluster.close();
});

Deno.test("without idempotence order holds too, with one batch on its way", async () => {
  const broker = new OneBroker([0, 6, 6, 0, 6]);
  await using client = produce(broker, { maxBatchBytes: 1, acks: "leader" });
  await Promise.all(sendAll(client.producer, 8));
  assertEquals(broker.stored[0], numbers(8));
});

Deno.test("a batch that fails for good fails alone: those behind it go on in order", async () => {
  const broker = new OneBroker([0, 10]); // MESSAGE_TOO_LARGE
  await using client = produce(broker, { maxBatchBytes: 1 });
  const outcomes = await Promise.allSettled(sendAll(client.producer, 8));
  assertEquals(outcomes.map(({ status }) => status === "rejected"), [
    false,
    true,
    ...new Array(6).fill(false),
  ]);
  const { reason } = outcomes[1] as PromiseRejectedResult;
  assert(reason instanceof KafkaError && reason.kafkaName === "MESSAGE_TOO_LARGE");
  assertEquals(broker.stored[0], numbers(8).filter((text) => text !== "1"));
});

for (const compression of ["none", "gzip"] as const) {
  for (const options of [{}, { idempotent: false }]) {
    const what = `${compression}, ${JSON.stringify(options)}`;
    Deno.test(`a batch that is too large is parted until its records fit, in order (${what})`, async () => {
      const broker = new OneBroker();
      broker.maxBytes = 300;
      await using client = produce(broker, { compression, ...options });
      // What does not fit by itself fails alone: it has no two equal bytes, so that no codec helps.
      const large = Uint8Array.from({ length: 400 }, (_, i) => i * i * 31 >> i % 7);
      const values = [...numbers(150).map((text) => text.padStart(20)), large, "after", "it"];
      const sent = values.map((value) => client.producer.send({ topic: "t", partition: 0, value }));
      const later = await Promise.allSettled(sent);
      const { reason } = later[150] as PromiseRejectedResult;
      assert(reason instanceof KafkaError && reason.kafkaName === "MESSAGE_TOO_LARGE");
      const texts = values.filter((value) => typeof value === "string");
      assertEquals(broker.stored[0], texts);
      const offsets = later.map((one) => one.status === "fulfilled" ? one.value.offset : -1);
      assertEquals(offsets.filter((offset) => offset >= 0), texts.map((_, i) => i));
      await client.producer.flush();
      assertEquals(client.producer.hasRoom, true);
      assert(Math.max(...broker.batches) > 3, `${broker.batches}`);
    });
  }
}

Deno.test("behind a record that is very large a small one takes little", async () => {
  const broker = new OneBroker();
  await using client = produce(broker, { lingerMs: 10 });
  const send = (bytes: number) =>
    client.producer.send({ topic: "t", partition: 0, value: new Uint8Array(bytes) });
  await send(48 << 20);
  const before = Deno.memoryUsage().external, sent = send(10);
  const more = Deno.memoryUsage().external - before;
  assert(more < 1 << 20, `${more} bytes`);
  await sent;
});

Deno.test("what is not acknowledged in deliveryTimeoutMs fails", async () => {
  const broker = new OneBroker(new Array(1000).fill(6));
  await using client = produce(broker, { deliveryTimeoutMs: 30 });
  await assertRejects(
    () => client.producer.send({ topic: "t", value: "x" }),
    KafkaError,
    "NOT_LEADER_OR_FOLLOWER",
  );
});

Deno.test("acks none resolves without an answer", async () => {
  const broker = new OneBroker();
  await using client = produce(broker, { acks: "none" });
  const { offset } = await client.producer.send({ topic: "t", partition: 1, value: "x" });
  assertEquals(offset, -1);
  assertEquals(broker.stored[1], ["x"]);
});

/** Its other end reads nothing of what is produced. */
class StuckSocket extends ScriptedSocket {
  #end: (() => void) | null = null;

  override write(bytes: Uint8Array): Promise<number> {
    if (bytes[4] !== 0 || bytes[5] !== Produce.key) return super.write(bytes); // behind the size
    return new Promise((_, reject) => this.#end = () => reject(new Error("it was closed")));
  }

  override close(): void {
    this.#end?.();
    super.close();
  }
}

Deno.test("acks none does not wait for ever for a broker that takes nothing", async () => {
  const broker = new OneBroker();
  const dial = async () => new StuckSocket((await broker.dial()).answer);
  const cluster = new Cluster({ bootstrap: "broker:9092", dial, requestTimeoutMs: 30 });
  const producer = new Producer(cluster, { acks: "none" });
  const error = await assertRejects(() => producer.send({ topic: "t", value: "x" }), Error);
  assertEquals(error.message, "Connection to broker:9092: the broker takes nothing");
  await producer.close();
  cluster.close();
});

Deno.test("flush() sends what lingers and waits for it", async () => {
  const broker = new OneBroker();
  await using client = produce(broker, { lingerMs: 60_000 });
  const sent = sendAll(client.producer, 3);
  await client.producer.flush();
  assertEquals(broker.stored[0], numbers(3));
  await Promise.all(sent);
});

Deno.test("a full buffer refuses records until room() resolves", async () => {
  const broker = new OneBroker();
  await using client = produce(broker, { bufferBytes: 100 });
  const first = client.producer.send({ topic: "t", value: "x".repeat(200) });
  await assertRejects(() => client.producer.send({ topic: "t", value: "y" }), Error, "room()");
  await client.producer.room();
  await client.producer.send({ topic: "t", value: "z" });
  await first;
});

Deno.test("keys choose the partition, and no key stays with one per batch", async () => {
  const broker = new OneBroker();
  await using client = produce(broker);
  const keyed = await Promise.all(
    ["a", "ab", "a"].map((key) => client.producer.send({ topic: "t", key, value: key })),
  );
  assertEquals(keyed.map(({ partition }) => partition), [0, 0, 0]); // from the hashes in murmur2_test.ts
  const unkeyed = await Promise.all(
    numbers(50).map((value) => client.producer.send({ topic: "t", value })),
  );
  assertEquals(new Set(unkeyed.map(({ partition }) => partition)).size, 1);
});

Deno.test("a topic or partition that does not exist is refused with its name", async () => {
  await using client = produce(new OneBroker());
  await assertRejects(
    () => client.producer.send({ topic: "a/b", value: "x" }),
    KafkaError,
    "topic a/b: INVALID_TOPIC_EXCEPTION",
  );
  await assertRejects(
    () => client.producer.send({ topic: "t", partition: 2, value: "x" }),
    Error,
    "Partition 2 of t: it has 0 to 1",
  );
});

Deno.test("an idempotent producer without acks from all is refused", () => {
  const options = { bootstrap: "broker:9092" };
  assertThrows(
    () => new Producer(options, { acks: "leader", idempotent: true }),
    Error,
    'acks "all"',
  );
});

Deno.test("acks and a compression that there are not are refused, and do not count as none", () => {
  const needs = (given: unknown) => {
    const options = given as ConstructorParameters<typeof Producer>[1];
    return assertThrows(() => new Producer({ bootstrap: "broker:9092" }, options), TypeError)
      .message;
  };
  // As other clients write them.
  for (const acks of [-1, 1, "1", "-1", null]) {
    const shown = typeof acks === "string" ? `"${acks}"` : String(acks);
    assertEquals(needs({ acks }), `acks is ${shown}, needs "all" or "leader" or "none"`);
  }
  assertStringIncludes(
    needs({ compression: "brotli" }),
    'compression is "brotli", needs "none" or "gzip"',
  );
  assertStringIncludes(needs({ compression: 2 }), "compression is 2");
});

Deno.test("a batch that cannot be encoded settles with the error, and what follows is sent", async () => {
  const broker = new OneBroker();
  await using client = produce(broker, { compression: "gzip", compressionLevel: 77 });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const outcome = await Promise.race([
    client.producer.send({ topic: "t", partition: 0, value: "x" }).then(() => "sent", String),
    new Promise((resolve) => timer = setTimeout(() => resolve("nothing settled"), 15_000)),
  ]);
  clearTimeout(timer);
  assert(String(outcome).includes("77"), `${outcome}`);
  await client.producer.flush();
  await client.producer.room();
});

Deno.test("a record that is none is refused alone: those of its batch are sent", async () => {
  const broker = new OneBroker();
  await using client = produce(broker, { bufferBytes: 1000 });
  const wrong: [Partial<Record<keyof ProducerRecord | "messages", unknown>>, string][] = [
    [{ messages: [{ value: "a" }] }, "messages are sent one by one: { topic, key, value }"],
    [{ value: 5 }, "value is a number, needs text, bytes or null"],
    [{ key: {} }, "key is an object"],
    [{ value: new Uint16Array(1) }, "value is an object"],
    [{ timestampMs: NaN }, "timestampMs is NaN"],
    [{ timestampMs: 1.5 }, "timestampMs is 1.5"],
    [{ headers: 5 }, "headers"],
    [{ headers: [null] }, "headers"],
    [{ headers: [{ key: 1, value: "" }] }, "the key of a header is a number"],
    [{ headers: [{ key: "h", value: 1 }] }, "value of header h is a number"],
    [{ headers: [{ key: "h", keyBytes: "x", value: "" }] }, "keyBytes of header h are a string"],
    [{ exactTimestampMs: 1 }, "exactTimestampMs is a number"],
    [{ exactTimestampMs: 2n ** 63n }, "needs an int64"],
    [{ topic: undefined }, "topic is undefined"],
  ];
  const sent = client.producer.send({ topic: "t", partition: 0, value: "good" });
  for (const [fields, says] of wrong) {
    const record = { topic: "t", partition: 0, value: "x", ...fields } as ProducerRecord;
    await assertRejects(() => client.producer.send(record), TypeError, says);
  }
  assertEquals((await sent).offset, 0);
  assertEquals(broker.stored[0], ["good"]);
  // What was refused takes no room.
  await client.producer.send({ topic: "t", partition: 0, value: "y".repeat(2000) });
});

Deno.test("a record sent while the producer id is refused is refused too", async () => {
  const broker = new OneBroker();
  broker.identityFault = 31;
  await using client = produce(broker);
  const first = client.producer.send({ topic: "t", partition: 0, value: "a" });
  first.catch(() => {});
  await client.cluster.topic("t");
  for (let turn = 0; turn < 3; turn++) await null; // the first is closed, and waits for its id
  const second = client.producer.send({ topic: "t", partition: 0, value: "b" });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const outcomes = await Promise.race([
    Promise.allSettled([first, second]),
    new Promise<string>((resolve) => timer = setTimeout(() => resolve("nothing settled"), 15_000)),
  ]);
  clearTimeout(timer);
  if (typeof outcomes === "string") throw new Error(outcomes);
  assertEquals(outcomes.map(({ status }) => status), ["rejected", "rejected"]);
});

Deno.test("when the cluster is closed beneath it, whatever is sent settles", async () => {
  const broker = new OneBroker(new Array(1000).fill(6));
  const cluster = new Cluster({ bootstrap: "b:9092", dial: broker.dial, retryBackoffMs: 1 });
  const producer = new Producer(cluster);
  const sent = producer.send({ topic: "t", partition: 0, value: "x" });
  sent.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 20));
  cluster.close();
  await assertRejects(() => sent);
  await producer.flush();
});

Deno.test("when the cluster is closed with batches on their way, those behind them settle too", async () => {
  const broker = new OneBroker([0, ...new Array(20).fill("no answer")]);
  await using client = produce(broker, { maxBatchBytes: 1 });
  await client.producer.send({ topic: "t", partition: 0, value: "first" });
  const sent = sendAll(client.producer, 20);
  sent.forEach((one) => one.catch(() => {}));
  await new Promise((resolve) => setTimeout(resolve, 20));
  client.cluster.close();
  const outcomes = await Promise.allSettled(sent); // the last of them is in a batch that is still open
  assertEquals(outcomes.map(({ status }) => status), new Array(20).fill("rejected"));
});
