/**
 * Proves what becomes of a transaction's marker in a partition, asked as the coordinator asks (MarkerWriter) and as a
 * client does (WriteTxnMarkers): each error code, what is in the log afterwards, and whom the listener hears of.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { WriteTxnMarkers } from "../protocol/messages/write_txn_markers.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { LongAnswers } from "./long_answers.ts";
import { someAnswers } from "../testing/answers.ts";
import { ask, everyVersion } from "../testing/admin.ts";
import { PartitionsFixture } from "../testing/partitions.ts";
import type { TransactionMarker } from "../transactions/marker_writer.ts";
import { LocalMarkers } from "./local_markers.ts";
import { writeTxnMarkers } from "./write_txn_markers.ts";

const COMMIT: TransactionMarker = {
  producerId: 7,
  producerEpoch: 3,
  isCommit: true,
  coordinatorEpoch: 5,
  transactionVersion: 0,
};

async function start() {
  const fixture = await PartitionsFixture.start();
  await fixture.create("t", 2);
  const heard: string[] = [];
  const markers = new LocalMarkers({
    ...fixture.lookup,
    clock: fixture.clock,
    listener: {
      onMarker: (topic, partition, { producerId, isCommit, durable }) => {
        heard.push(`${topic}-${partition} ${isCommit ? "commits" : "aborts"} ${producerId}`);
        durable.catch(() => heard.push(`${topic}-${partition} lost`));
      },
    },
  });
  /** A batch of producer 7's transaction; its error code. */
  const send = (shape: { epoch?: number; seq?: number; partition?: number } = {}) => {
    const { epoch = 3, seq = 0, partition = 0 } = shape, log = fixture.log("t", partition);
    const producer = { producerId: 7, producerEpoch: epoch, baseSequence: seq };
    const records = [{ timestampMs: fixture.clock.nowMs(), value: new Uint8Array(4) }];
    const bytes = buildBatch({ records, ...producer, isTransactional: true });
    return log.append(bytes, { origin: "client", leaderEpoch: log.leaderEpoch }).errorCode;
  };
  const write = (marker: Partial<TransactionMarker> = {}, partition = 0) =>
    markers.write("t", partition, { ...COMMIT, ...marker });
  return { fixture, markers, heard, send, write };
}

Deno.test("a marker ends the transaction: the last stable offset follows when it is durable, and the listener has heard at once", async () => {
  const { fixture, heard, send, write } = await start();
  send();
  await Promise.resolve();
  const written = write();
  assertEquals(heard, ["t-0 commits 7"]);
  const log = fixture.log("t");
  assertEquals(log.lastStableOffset, 0);
  assertEquals(await written, 0);
  assertEquals(fixture.batches("t"), ["data 7/3", "commit 7/3 c5"]);
  assertEquals([log.highWatermark, log.lastStableOffset], [2, 2]);
});

Deno.test("the marker of an abort is listed for consumers", async () => {
  const { fixture, heard, send, write } = await start();
  send();
  assertEquals(await write({ isCommit: false }), 0);
  assertEquals(heard, ["t-0 aborts 7"]);
  const [aborted] = fixture.log("t").txnIndexOf(0).entries;
  assertEquals([aborted.producerId, aborted.firstOffset, aborted.lastOffset], [7, 0, 1]);
});

Deno.test("a topic or partition that the catalogue does not know (any more) is 3: there is nothing to end", async () => {
  const { markers, write } = await start();
  assertEquals(await markers.write("gone", 0, COMMIT), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  for (const partition of [-1, 2, 2 ** 31 - 1]) {
    assertEquals(await write({}, partition), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
});

Deno.test("a partition that is offline, led by nobody or not taken up yet is never 3, so its transaction stays prepared (KAFKA-20734)", async () => {
  const { fixture, heard, send, write } = await start();
  send();
  fixture.setOffline("t", 0, "a disk that is gone");
  assertEquals(await write(), ErrorCode.KAFKA_STORAGE_ERROR);
  fixture.setOffline("t", 0, null);
  fixture.log("t", 1).retire("half renamed");
  assertEquals(await write({}, 1), ErrorCode.KAFKA_STORAGE_ERROR);
  const { id: topicId } = fixture.metadata.catalogue.topic("t")!;
  const led = async (leader: number) =>
    await fixture.metadata.metadata.transact(() => ({
      records: [{
        kind: "PartitionChangeRecord",
        version: 2,
        value: { partitionId: 0, topicId, leader },
      }] as never,
      result: null,
    }));
  await led(-1);
  assertEquals(await write(), ErrorCode.NOT_LEADER_OR_FOLLOWER);
  await led(3);
  const { logs } = fixture.lookup;
  const later = new LocalMarkers({
    ...fixture.lookup,
    logs: { ...logs, get: () => undefined },
    clock: fixture.clock,
    listener: { onMarker: () => heard.push("?") },
  });
  assertEquals(await later.write("t", 0, COMMIT), ErrorCode.NOT_LEADER_OR_FOLLOWER);
  assertEquals(heard, []);
  assertEquals(await write(), 0); // and when it is back it is ended
  assertEquals(fixture.log("t").producers.firstUndecidedOffset, null);
});

Deno.test("a marker whose write fails is 56, the listener hears that it is lost, and the transaction is open as before", async () => {
  const { fixture, heard, send, write } = await start();
  send();
  await write({ producerId: 8 }); // something durable behind it
  fixture.store.fail({ on: "append", pathEndsWith: ".log", kind: "noSpace" });
  assertEquals(await write(), ErrorCode.KAFKA_STORAGE_ERROR);
  assertEquals(heard, ["t-0 commits 8", "t-0 commits 7", "t-0 lost"]);
  assertEquals(fixture.log("t").producers.firstUndecidedOffset, 0);
  assertEquals(await write(), 0); // the coordinator tries again
  assertEquals(fixture.log("t").producers.firstUndecidedOffset, null);
});

for (const transactionVersion of [0, 1]) {
  Deno.test(`under transaction version ${transactionVersion} a marker's epoch is the producer's or later; an earlier one is 47 (KIP-1228)`, async () => {
    const { fixture, send, write } = await start();
    send();
    const stale = await write({ transactionVersion, producerEpoch: 2 });
    assertEquals(stale, ErrorCode.INVALID_PRODUCER_EPOCH);
    assertEquals(fixture.batches("t"), ["data 7/3"]);
    assertEquals(await write({ transactionVersion }), 0);
    send({ seq: 1 });
    assertEquals(await write({ transactionVersion, producerEpoch: 4 }), 0); // fenced and aborted, say
    assertEquals(send({ seq: 2 }), ErrorCode.INVALID_PRODUCER_EPOCH);
  });
}

Deno.test("under transaction version 2 a marker's epoch must exceed the producer's: a late one does not end a later transaction (KIP-890)", async () => {
  const { fixture, send, write } = await start();
  const v2 = { transactionVersion: 2 };
  send({ epoch: 3 });
  assertEquals(await write({ ...v2, producerEpoch: 3 }), ErrorCode.INVALID_PRODUCER_EPOCH);
  assertEquals(await write({ ...v2, producerEpoch: 4 }), 0);
  send({ epoch: 4 });
  assertEquals(await write({ ...v2, producerEpoch: 4 }), ErrorCode.INVALID_PRODUCER_EPOCH); // delayed
  assertEquals(fixture.log("t").producers.firstUndecidedOffset, 2);
  assertEquals(await write({ ...v2, producerEpoch: 5 }), 0);
});

for (const transactionVersion of [0, 1, 2]) {
  Deno.test(`the same marker again, with nothing open, is success and written again, under transaction version ${transactionVersion} (KAFKA-19999)`, async () => {
    const { fixture, send, write } = await start();
    send();
    const marker = { transactionVersion, producerEpoch: transactionVersion < 2 ? 3 : 4 };
    assertEquals(await write(marker), 0);
    assertEquals(await write(marker), 0);
    const commit = `commit 7/${marker.producerEpoch} c5`;
    assertEquals(fixture.batches("t"), ["data 7/3", commit, commit]);
    assertEquals(fixture.log("t").lastStableOffset, 3);
  });
}

Deno.test("this node's own coordinator is never fenced: there is none beside it, whatever an operator's marker said", async () => {
  const { fixture, send, write } = await start();
  assertEquals(await write({ coordinatorEpoch: 9 }), 0);
  send({ epoch: 4 });
  assertEquals(await write({ producerEpoch: 4 }), ErrorCode.TRANSACTION_COORDINATOR_FENCED);
  assertEquals(await write({ producerEpoch: 4, isOwnCoordinators: true }), 0);
  assertEquals(fixture.log("t").lastStableOffset, fixture.log("t").highWatermark);
});

Deno.test("a marker of an older coordinator is 52", async () => {
  const { fixture, send, write } = await start();
  send();
  assertEquals(await write({ coordinatorEpoch: 6 }), 0);
  send({ seq: 1 });
  assertEquals(await write({ coordinatorEpoch: 5 }), ErrorCode.TRANSACTION_COORDINATOR_FENCED);
  assertEquals(fixture.log("t").producers.firstUndecidedOffset, 2);
  assertEquals(await write({ coordinatorEpoch: 6 }), 0);
});

Deno.test("a marker for a producer that the partition does not know is written, and its epoch counts from then on", async () => {
  const { fixture, send, write } = await start();
  assertEquals(await write({ transactionVersion: 2, producerEpoch: 4 }), 0);
  assertEquals(fixture.batches("t"), ["commit 7/4 c5"]);
  assertEquals(send({ epoch: 3 }), ErrorCode.INVALID_PRODUCER_EPOCH);
  assertEquals(send({ epoch: 4, seq: 9 }), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  assertEquals(send({ epoch: 4, seq: 0 }), 0);
});

Deno.test("where epochs have run out, a marker of epoch 32767 ends a transaction of that epoch, or it would hang for ever", async () => {
  const { send, write } = await start();
  send({ epoch: 32767 });
  assertEquals(await write({ transactionVersion: 2, producerEpoch: 32767 }), 0);
});

Deno.test("what can be no marker is 42 and writes nothing", async () => {
  const { fixture, heard, write } = await start();
  for (
    const wrong of [{ producerId: -1 }, { producerEpoch: -1 }, { transactionVersion: -1 }]
  ) assertEquals(await write(wrong), ErrorCode.INVALID_REQUEST);
  assertEquals([fixture.batches("t"), heard], [[], []]);
});

Deno.test("markers take the space that is kept for the broker: a full disk refuses producers, not the end of their transactions", async () => {
  const fixture = await PartitionsFixture.start({ admits: () => false });
  await fixture.create("t");
  const listener = { onMarker: () => {} };
  const markers = new LocalMarkers({ ...fixture.lookup, clock: fixture.clock, listener });
  assertEquals(await markers.write("t", 0, COMMIT), 0);
});

Deno.test("WriteTxnMarkers answers one entry a producer, every partition once, in every version", async () => {
  const { fixture, markers, send } = await start();
  const handler = writeTxnMarkers(markers, someAnswers());
  await everyVersion(handler, async (version) => {
    const marker = { producerId: 7, producerEpoch: 3, coordinatorEpoch: 5 };
    const answer = await ask(handler, WriteTxnMarkers, version, {
      markers: [
        {
          ...marker,
          transactionResult: true,
          topics: [{ name: "t", partitionIndexes: [1, 0, 1, 9] }],
        },
        {
          ...marker,
          producerId: 8,
          transactionResult: false,
          topics: [{ name: "gone", partitionIndexes: [0] }],
        },
        {
          ...marker,
          producerEpoch: 2,
          transactionResult: false,
          topics: [{ name: "t", partitionIndexes: [0] }],
        },
      ],
    });
    assertEquals(answer.markers, [
      {
        producerId: 7,
        topics: [{
          name: "t",
          partitions: [
            { partitionIndex: 1, errorCode: 0 },
            { partitionIndex: 0, errorCode: ErrorCode.INVALID_PRODUCER_EPOCH },
            { partitionIndex: 9, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
          ],
        }],
      },
      {
        producerId: 8,
        topics: [{
          name: "gone",
          partitions: [{ partitionIndex: 0, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }],
        }],
      },
    ]);
  });
  assertEquals(fixture.batches("t", 1), ["commit 7/3 c5", "commit 7/3 c5"]);
  assertEquals(send({ partition: 1 }), 0);
});

Deno.test("WriteTxnMarkers with nothing in it, or with a marker for nowhere, is answered so", async () => {
  const { markers } = await start();
  const nowhere = { producerId: 7, producerEpoch: 3, transactionResult: true, coordinatorEpoch: 5 };
  const topics = [[], [{ name: "t", partitionIndexes: [] }]];
  for (const asked of [[], ...topics.map((topics) => [{ ...nowhere, topics }])]) {
    const answer = await ask(writeTxnMarkers(markers, someAnswers()), WriteTxnMarkers, 2, {
      markers: asked,
    });
    assertEquals(answer.markers, []);
  }
});

Deno.test("WriteTxnMarkers with many markers gives way to others between them, and keeps their order", async () => {
  const { fixture, markers } = await start();
  let turns = 0;
  const turn = { isLong: true, next: () => Promise.resolve(void turns++) };
  const marker = { producerId: 7, transactionResult: true, coordinatorEpoch: 5 };
  const asked = [3, 4, 5].map((producerEpoch) => ({
    ...marker,
    producerEpoch,
    topics: [{ name: "t", partitionIndexes: [0] }],
  }));
  const answers = new LongAnswers({ turn, maxBytes: 1 << 20 });
  await ask(writeTxnMarkers(markers, answers), WriteTxnMarkers, 2, { markers: asked });
  assertEquals([turns > 1, fixture.batches("t")], [true, [
    "commit 7/3 c5",
    "commit 7/4 c5",
    "commit 7/5 c5",
  ]]);
});

Deno.test("WriteTxnMarkers 1 is of transaction version 0, 2 of the one it says", async () => {
  const { markers, send } = await start();
  const handler = writeTxnMarkers(markers, someAnswers());
  const end = async (version: number) => {
    const { markers: [{ topics: [{ partitions: [{ errorCode }] }] }] } = await ask(
      handler,
      WriteTxnMarkers,
      version,
      {
        markers: [{
          producerId: 7,
          producerEpoch: 3,
          transactionResult: false,
          topics: [{ name: "t", partitionIndexes: [0] }],
          coordinatorEpoch: 5,
          transactionVersion: 2,
        }],
      },
    );
    return errorCode;
  };
  assert(send() === 0);
  assertEquals(await end(2), ErrorCode.INVALID_PRODUCER_EPOCH);
  assertEquals(await end(1), 0);
});
