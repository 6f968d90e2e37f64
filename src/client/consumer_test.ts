/**
 * Proves that poll() keeps its limit whatever the broker does, and that a partition which cannot be read holds up no
 * other, by reading from a scripted broker some of whose partitions are offline or never answered.
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { joined } from "../protocol/codec.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { decodeRequest, encodeResponse } from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import { ListOffsets } from "../protocol/messages/list_offsets.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { type Asked, ScriptedSocket, versionsAnswer } from "../testing/scripted_socket.ts";
import { Cluster } from "./cluster.ts";
import { Consumer, type ConsumerOptions } from "./consumer.ts";

type State =
  | "served"
  | "gap"
  | "offline"
  | "fetch offline"
  | "no leader"
  | "search is not answered";

/** One broker; the partitions of topic "t" hold one record each, and are in these states. */
class OneBroker {
  asked: number[] = [];
  /** What comes before it is in another tier, which does not answer in time. */
  localStart = 0;

  constructor(readonly states: State[]) {}

  readonly dial = () => Promise.resolve(new ScriptedSocket((asked) => this.#answer(asked)));

  #answer(asked: Asked): Uint8Array | null {
    const { apiKey, apiVersion, correlationId, frame, bodyAt } = asked;
    this.asked.push(apiKey);
    switch (apiKey) {
      case ApiVersions.key:
        return versionsAnswer({ apiVersion, correlationId }, [[1, 12], [2, 8], [3, 9], [18, 4]]);
      case Metadata.key:
        return joined(encodeResponse(Metadata, apiVersion, correlationId, {
          brokers: [{ nodeId: 0, host: "broker", port: 9092 }],
          topics: [{
            name: "t",
            partitions: this.states.map((state, partitionIndex) => ({
              partitionIndex,
              leaderId: state === "no leader" ? -1 : 0,
            })),
          }],
        }));
      case ListOffsets.key: {
        const { topics } = decodeRequest(ListOffsets, apiVersion, frame, bodyAt);
        const asked = topics.flatMap(({ partitions }) => partitions);
        const indexes = asked.map(({ partitionIndex }) => partitionIndex);
        if (indexes.some((i) => this.states[i] === "search is not answered")) return null;
        return joined(encodeResponse(ListOffsets, apiVersion, correlationId, {
          topics: asked.map(({ partitionIndex, timestamp }) => ({
            name: "t",
            partitions: [{
              partitionIndex,
              errorCode: this.states[partitionIndex] === "offline" ? 56 : 0,
              offset: timestamp === -4n ? this.localStart : 0,
            }],
          })),
        }));
      }
      default: {
        const { topics } = decodeRequest(Fetch, apiVersion, frame, bodyAt);
        const asked = topics.flatMap(({ partitions }) => partitions);
        return joined(encodeResponse(Fetch, apiVersion, correlationId, {
          responses: asked.map(({ partition, fetchOffset }) => ({
            topic: "t",
            partitions: [this.#fetched(partition, fetchOffset)],
          })),
        }));
      }
    }
  }

  #fetched(partitionIndex: number, fetchOffset: number) {
    const state = this.states[partitionIndex];
    if (state === "gap") return { partitionIndex, highWatermark: 9, records: null };
    const isOffline = state !== "served";
    const records = isOffline || fetchOffset > 0
      ? null
      : buildBatch({ records: [{ timestampMs: 1, value: new Uint8Array([partitionIndex]) }] });
    return {
      partitionIndex,
      errorCode: isOffline ? ErrorCode.KAFKA_STORAGE_ERROR : 0,
      highWatermark: isOffline ? -1 : 1,
      records,
    };
  }
}

function consumerOf(dial: OneBroker["dial"], partitions: number, options: ConsumerOptions = {}) {
  const cluster = new Cluster({ bootstrap: "broker:9092", dial });
  const consumer = new Consumer(cluster, { autoOffsetReset: "earliest", ...options });
  consumer.assign(
    Array.from({ length: partitions }, (_, partition) => ({ topic: "t", partition })),
  );
  return {
    consumer,
    [Symbol.dispose]() {
      consumer.close();
      cluster.close();
    },
  };
}

async function timed<T>(call: () => Promise<T>): Promise<[T, number]> {
  const startedMs = performance.now();
  const result = await call();
  return [result, performance.now() - startedMs];
}

/** Less than a try again after a second, and more than a busy machine needs. */
const SLACK_MS = 900;

for (const state of ["offline", "fetch offline", "no leader", "search is not answered"] as const) {
  Deno.test(`poll() keeps its limit where a partition has this: ${state}`, async () => {
    const broker = new OneBroker([state]);
    using client = consumerOf(broker.dial, 1);
    for (let i = 0; i < 6; i++) { // pauses between tries grow up to a second
      const [records, tookMs] = await timed(() => client.consumer.poll(50));
      assertEquals(records, []);
      assert(tookMs < 50 + SLACK_MS, `a poll of 50 ms took ${tookMs} ms`);
    }
    assert(broker.asked.length < 60, `asked ${broker.asked.length} times in 300 ms`);
  });
}

Deno.test("an isolation or a place to begin that there is not is refused, and does not count as another", () => {
  const needs = (given: unknown) => {
    const options = given as ConstructorParameters<typeof Consumer>[1];
    return assertThrows(() => new Consumer({ bootstrap: "broker:9092" }, options), TypeError)
      .message;
  };
  assertEquals(
    needs({ isolation: "read_committed" }),
    'isolation is "read_committed", needs "readUncommitted" or "readCommitted"',
  );
  assertEquals(
    needs({ autoOffsetReset: "beginning" }),
    'autoOffsetReset is "beginning", needs "earliest" or "latest" or "none" or { byDurationMs }',
  );
  for (
    const wrong of [null, 5, {}, { byDurationMs: "1h" }, { byDurationMs: -1 }, {
      byDurationMs: NaN,
    }]
  ) {
    assertStringIncludes(needs({ autoOffsetReset: wrong }), "needs");
  }
  for (const right of ["earliest", "latest", "none", { byDurationMs: 0 }] as const) {
    new Consumer({ bootstrap: "broker:9092" }, { autoOffsetReset: right }).close();
  }
});

Deno.test("poll() keeps its limit where nobody answers at all", async () => {
  for (const dial of [() => new Promise<never>(() => {}), () => Promise.reject(new Error("no"))]) {
    using client = consumerOf(dial, 1);
    for (let i = 0; i < 3; i++) {
      const [records, tookMs] = await timed(() => client.consumer.poll(50));
      assertEquals(records, []);
      assert(tookMs < 50 + SLACK_MS, `a poll of 50 ms took ${tookMs} ms`);
    }
  }
});

Deno.test("partitions that cannot be read hold up no other", async () => {
  using client = consumerOf(
    new OneBroker(["offline", "served", "fetch offline", "no leader"]).dial,
    4,
  );
  const [records, tookMs] = await timed(() => client.consumer.poll(5000));
  assertEquals(records.map(({ partition, offset }) => [partition, offset]), [[1, 0]]);
  assert(tookMs < SLACK_MS, `the record came after ${tookMs} ms`);
});

Deno.test("what is no list of partitions is not assigned, and what was stays", () => {
  using client = consumerOf(new OneBroker(["served"]).dial, 1);
  const { consumer } = client;
  const assign = (given: unknown) => () => consumer.assign(given as []);
  assertThrows(
    assign("t"),
    TypeError,
    'Cannot assign "t": needed is a list of { topic, partition }',
  );
  assertThrows(
    assign([{ topic: "t" }]),
    TypeError,
    'Cannot assign {"topic":"t"}: needed is { topic, partition }',
  );
  for (
    const wrong of [["t"], [null], [{ topic: "", partition: 0 }], [{ topic: "t", partition: -1 }], [
      { topic: "t", partition: "0" },
    ]]
  ) {
    assertThrows(assign(wrong), TypeError, "Cannot assign");
  }
  assertEquals(consumer.assignment(), [{ topic: "t", partition: 0 }]);
  consumer.assign([]);
});

Deno.test("an option that is undefined is one that was not given", async () => {
  const names = ["isolation", "minBytes", "fetchMaxWaitMs", "maxBytes", "maxPartitionBytes"];
  const unset = [...names, "maxDecodedBytes", "checkCrcs", "autoOffsetReset"];
  const options = Object.fromEntries(unset.map((name) => [name, undefined]));
  using client = consumerOf(new OneBroker(["served"]).dial, 1, options);
  await client.consumer.poll(100); // begins at the end, as without
  await client.consumer.seekToBeginning();
  assertEquals((await client.consumer.poll(5000)).length, 1);
});

Deno.test("a partition that comes back is read", async () => {
  const broker = new OneBroker(["offline"]);
  using client = consumerOf(broker.dial, 1);
  assertEquals(await client.consumer.poll(100), []);
  broker.states[0] = "served";
  assertEquals((await client.consumer.poll(5000)).length, 1);
});

Deno.test("a poll that waits for a retry ends when the consumer is closed", async () => {
  using client = consumerOf(new OneBroker(["offline"]).dial, 1);
  const polling = client.consumer.poll(60_000);
  setTimeout(() => client.consumer.close(), 20);
  const [, tookMs] = await timed(() => assertRejects(() => polling, Error, "closed"));
  assert(tookMs < 20 + SLACK_MS, `it took ${tookMs} ms`);
});

Deno.test("a partition that ends in a gap has reached its end, once no other partition takes the room", async () => {
  const broker = new OneBroker(["gap", "served"]);
  using client = consumerOf(broker.dial, 2);
  const { consumer } = client, [gap, served] = consumer.assignment();
  for (const one of [gap, served]) consumer.seek(one, 0);
  assertEquals(consumer.hasReached(gap, 9), false);
  assertEquals((await consumer.poll(1000)).length, 1);
  assertEquals(consumer.hasReached(served, 1), true);
  assertEquals(consumer.position(gap), 0);
  while (!consumer.hasReached(gap, 9)) await consumer.poll(20);
  assertEquals(consumer.hasReached(gap, 10), false);
});

Deno.test("what another tier does not give in time is not passed", async () => {
  const broker = new OneBroker(["gap"]);
  broker.localStart = 5;
  using client = consumerOf(broker.dial, 1);
  const { consumer } = client, [gap] = consumer.assignment();
  consumer.seek(gap, 0);
  for (let i = 0; i < 5; i++) await consumer.poll(20);
  assertEquals(consumer.hasReached(gap, 9), false);
  consumer.seek(gap, 5);
  while (!consumer.hasReached(gap, 9)) await consumer.poll(20);
});
