/**
 * Proves what a broker does when its disk runs full: below the floor producers are refused with 56 while everything that
 * reads, commits or makes room goes on, and it ends by itself. How much is free is a number that the test sets.
 */
import { assertEquals } from "@std/assert";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { append, batchOf, EARLIEST, listOffset, produce, readAll } from "./calls.ts";
import { pause, TestBroker, withDirectory } from "./harness.ts";

const KAFKA_STORAGE_ERROR = 56;

Deno.test("below the floor produce is refused with 56, the rest goes on, and room heals it without a restart", () =>
  withDirectory(async (path) => {
    const machine = { freeBytes: 1 << 30 };
    await using broker = await TestBroker.start({ path }, { freeBytes: () => machine.freeBytes });
    await broker.createTopic("t");
    await broker.createTopic("gone");
    const connection = await broker.connect();
    const write = async () =>
      (await produce(connection, { topic: "t", records: batchOf(["v"]) })).errorCode;
    const commit = async (committedOffset: bigint) => {
      const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: "" }];
      const group = { groupId: "g", generationIdOrMemberEpoch: -1, memberId: "" };
      const topics = [{ name: "t", partitions }];
      const answer = await connection.request(OffsetCommit, 8, { ...group, topics });
      return answer.topics[0].partitions[0].errorCode;
    };
    await append(connection, "t", ["a", "b", "c"]);
    await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
    for (let i = 0; i < 50 && await commit(1n) !== 0; i++) await pause(100); // until groups are loaded
    assertEquals(await broker.metric("storage_refuses_writes"), 0);

    machine.freeBytes = 1000;
    for (let i = 0; i < 30 && await broker.metric("storage_refuses_writes") === 0; i++) {
      await pause(100);
    }
    assertEquals(await write(), KAFKA_STORAGE_ERROR);
    assertEquals(await broker.metric("storage_free_bytes"), 1000);

    assertEquals(await readAll(connection, "t"), ["a", "b", "c"]);
    assertEquals(await commit(2n), 0);
    const { topics: [trimmed] } = await connection.request(DeleteRecords, 2, {
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 1 }] }],
      timeoutMs: 1000,
    });
    assertEquals(trimmed.partitions[0].errorCode, 0);
    assertEquals((await listOffset(connection, "t", EARLIEST)).offset, 1);
    const { responses: [deleted] } = await connection.request(DeleteTopics, 5, {
      topicNames: ["gone"],
      timeoutMs: 1000,
    });
    assertEquals(deleted.errorCode, 0);

    machine.freeBytes = 1 << 30;
    let answer = await write();
    for (let i = 0; i < 30 && answer === KAFKA_STORAGE_ERROR; i++) {
      await pause(100);
      answer = await write();
    }
    assertEquals(answer, 0);
    assertEquals(await readAll(connection, "t", 0, 1), ["b", "c", "v"]);
  }));
