/**
 * Proves that a partition whose leader moves while a fetch is on its way is handed out once, and that one which goes before
 * it is asked for is not handed out at all, by a cluster made up here that answers when it is told to.
 */
import { assertEquals, assertThrows } from "@std/assert";
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { Bell } from "./bell.ts";
import type { Cluster } from "./cluster.ts";
import { KafkaError } from "./errors.ts";
import { Fetcher } from "./fetcher.ts";

const TOPIC = { name: "t", id: "000000000000000000000w" as Uuid, isInternal: false };

/** A partition that `leaderId` leads; each fetch waits for its answer. */
class MovingCluster {
  leaderId = 1;
  readonly fetches: { nodeId: number; from: number; answer: (records: number) => void }[] = [];
  /** What is waited for before it says what it knows, and before there is a connection. */
  metadata = Promise.resolve();
  connecting = Promise.resolve();

  async topic() {
    await this.metadata;
    const partition = { index: 0, leaderId: this.leaderId, leaderEpoch: 0, replicas: [], isr: [] };
    return { ...TOPIC, partitions: [partition] };
  }

  async connectionTo(nodeId: number) {
    await this.connecting;
    return {
      versionFor: () => 17,
      request: (_: unknown, __: number, { topics: [{ partitions: [{ fetchOffset }] }] }: Asked) =>
        new Promise((resolve) =>
          this.fetches.push({
            nodeId,
            from: fetchOffset,
            answer: (records) => resolve(answerOf(fetchOffset, records)),
          })
        ),
    };
  }

  backoffMs = () => 1;
  forget() {}
  closeLane() {}
}

interface Asked {
  readonly topics: readonly { readonly partitions: readonly { readonly fetchOffset: number }[] }[];
}

function answerOf(from: number, records: number) {
  return {
    errorCode: 0,
    responses: [{
      topic: "t",
      topicId: TOPIC.id,
      partitions: [{
        partitionIndex: 0,
        errorCode: 0,
        highWatermark: 9,
        lastStableOffset: 9,
        abortedTransactions: null,
        records: buildBatch({
          baseOffset: from,
          records: Array.from({ length: records }, () => ({ timestampMs: 1, value: null })),
        }),
      }],
    }],
  };
}

/** What has been answered is taken up. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

const PARTITION = { topic: "t", partition: 0 };

/** One that has sought the partition's beginning. */
function fetcherOf(cluster: MovingCluster): Fetcher {
  const parts = { bell: new Bell(), findCommitted: null };
  const fetcher = new Fetcher(cluster as unknown as Cluster, {}, parts);
  fetcher.assign([PARTITION]);
  fetcher.seek(fetcher.get(PARTITION), 0);
  return fetcher;
}

for (const awaited of ["metadata", "connecting"] as const) {
  Deno.test(`a partition that goes before it is asked for is not asked for (${awaited})`, async () => {
    const cluster = new MovingCluster(), { promise, resolve } = Promise.withResolvers<void>();
    cluster[awaited] = promise;
    const fetcher = fetcherOf(cluster);
    const starting = fetcher.start();
    await settled();
    fetcher.assign([]);
    resolve();
    await starting;
    await settled();
    assertEquals(cluster.fetches, []);
    fetcher.close();
  });
}

Deno.test("what fails of a partition that has gone is nobody's", async () => {
  const cluster = new MovingCluster(), { promise, reject } = Promise.withResolvers<void>();
  cluster.connecting = promise;
  const fetcher = fetcherOf(cluster);
  await fetcher.start();
  fetcher.assign([]);
  reject(new KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED, "fetch"));
  await settled();
  fetcher.throwFailure();
  fetcher.assign([PARTITION]);
  fetcher.seek(fetcher.get(PARTITION), 0);
  await fetcher.start();
  await settled();
  assertThrows(() => fetcher.throwFailure(), KafkaError);
  fetcher.close();
});

Deno.test("what two leaders answer from the same offset is handed out once", async () => {
  const cluster = new MovingCluster(), fetcher = fetcherOf(cluster);
  await fetcher.start();
  await settled();
  cluster.leaderId = 2; // as metadata says now; the old one's answer is on its way
  fetcher.pause(fetcher.get(PARTITION), false);
  await fetcher.start();
  await settled();
  assertEquals(cluster.fetches.map(({ nodeId, from }) => [nodeId, from]), [[1, 0], [2, 0]]);
  cluster.fetches[0].answer(2);
  await settled();
  cluster.fetches[1].answer(3);
  await settled();
  assertEquals(fetcher.take(Infinity).map(({ offset }) => offset), [0, 1]);
  assertEquals(fetcher.get(PARTITION).position, 2);
  await fetcher.start();
  await settled();
  assertEquals(cluster.fetches.slice(2).map(({ nodeId, from }) => [nodeId, from]), [[2, 2]]);
  cluster.fetches[2].answer(1);
  await settled();
  fetcher.close();
});
