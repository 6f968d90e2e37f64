/**
 * Proves that offsets which are committed in a transaction come and go with it, through the whole broker: both ways in which
 * clients do so, with a restart while the transaction is open and one after EndTxn was answered.
 */
import { assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { AddOffsetsToTxn } from "../../src/protocol/messages/add_offsets_to_txn.ts";
import { EndTxn } from "../../src/protocol/messages/end_txn.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { TxnOffsetCommit } from "../../src/protocol/messages/txn_offset_commit.ts";
import { TestBroker, withDirectory } from "./harness.ts";

/** What may pass by itself: a coordinator that loads (14, 15, 16), a transaction that is still being ended (51). */
const PASSING = [14, 15, 16, 51];

/** A producer's request, again while there is reason to. */
async function settled<T extends { errorCode: number }>(request: () => Promise<T>): Promise<T> {
  for (let tries = 0;; tries++) {
    const answer = await request();
    if (!PASSING.includes(answer.errorCode) || tries === 100) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

async function init(connection: Connection): Promise<Producer> {
  for (const keyType of [0, 1]) {
    await settled(async () => {
      const request = { keyType, coordinatorKeys: ["tx"] };
      return (await connection.request(FindCoordinator, 4, request)).coordinators[0];
    });
  }
  const request = { transactionalId: "tx", transactionTimeoutMs: 60_000 };
  const made = await settled(() => connection.request(InitProducerId, 4, request));
  assertEquals(made.errorCode, 0);
  return made;
}

/** Commits offset 5 of t-0 for group g; the error code. */
async function commit(connection: Connection, producer: Producer, version: number) {
  const of = { transactionalId: "tx", groupId: "g", ...idsOf(producer) };
  if (version < 5) {
    const added = await settled(() => connection.request(AddOffsetsToTxn, 3, of));
    assertEquals(added.errorCode, 0);
  }
  const partitions = [{ partitionIndex: 0, committedOffset: 5n, committedMetadata: "" }];
  const request = { ...of, topics: [{ name: "t", partitions }] };
  const { errorCode } = await settled(async () =>
    (await connection.request(TxnOffsetCommit, version, request)).topics[0].partitions[0]
  );
  return errorCode;
}

async function end(
  connection: Connection,
  producer: Producer,
  committed: boolean,
  version: number,
) {
  const request = { transactionalId: "tx", ...idsOf(producer), committed };
  const ended = await settled(() => connection.request(EndTxn, version, request));
  assertEquals(ended.errorCode, 0);
}

function idsOf({ producerId, producerEpoch }: Producer): Producer {
  return { producerId, producerEpoch };
}

/** The offset of t-0, or the error code. */
async function fetched(connection: Connection, requireStable: boolean) {
  const groups = [{ groupId: "g", topics: [{ name: "t", partitionIndexes: [0] }] }];
  const { errorCode, committedOffset } = await settled(async () => {
    const answer = await connection.request(OffsetFetch, 8, { groups, requireStable });
    const [group] = answer.groups;
    return group.errorCode !== 0
      ? { errorCode: group.errorCode, committedOffset: 0n }
      : group.topics[0].partitions[0];
  });
  return errorCode === 0 ? committedOffset : `error ${errorCode}`;
}

/** The same once it is stable: a marker may still be on its way. */
async function stable(connection: Connection) {
  for (let tries = 0;; tries++) {
    const offset = await fetched(connection, true);
    if (offset !== "error 88" || tries === 200) return offset;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const WAYS = [
  { name: "added by AddOffsetsToTxn", commitVersion: 3, endVersion: 3 },
  { name: "that add their group themselves", commitVersion: 5, endVersion: 5 },
];

for (const { name, commitVersion, endVersion } of WAYS) {
  for (const committed of [true, false]) {
    const becomes = committed ? "are shown once it commits" : "are never shown once it aborts";
    Deno.test(`offsets of a transaction ${name} outlive restarts, and ${becomes}`, () =>
      withDirectory(async (path) => {
        let producer: Producer;
        {
          await using broker = await TestBroker.start({ path });
          await broker.createTopic("t");
          const connection = await broker.connect();
          producer = await init(connection);
          assertEquals(await commit(connection, producer, commitVersion), 0);
          assertEquals(await fetched(connection, false), -1n);
          assertEquals(await fetched(connection, true), "error 88");
        }
        {
          await using broker = await TestBroker.start({ path });
          const connection = await broker.connect();
          assertEquals(await fetched(connection, true), "error 88");
          assertEquals(await commit(connection, producer, commitVersion), 0);
          await end(connection, producer, committed, endVersion);
        } // at once: the marker may not have been written
        await using broker = await TestBroker.start({ path });
        const connection = await broker.connect();
        assertEquals(await stable(connection), committed ? 5n : -1n);
        assertEquals(await fetched(connection, false), committed ? 5n : -1n);
      }));
  }
}

Deno.test("offsets that were never added to the transaction are refused: 48, from version 4 on 120", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect(), producer = await init(connection);
  const partitions = [{ partitionIndex: 0, committedOffset: 5n, committedMetadata: "" }];
  const request = {
    transactionalId: "tx",
    groupId: "g",
    ...idsOf(producer),
    topics: [{ name: "t", partitions }],
  };
  for (const [version, errorCode] of [[0, 48], [3, 48], [4, 120]]) {
    const { topics } = await connection.request(TxnOffsetCommit, version, request);
    assertEquals(topics[0].partitions[0].errorCode, errorCode);
  }
  assertEquals(await fetched(connection, true), -1n);
});
