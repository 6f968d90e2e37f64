/**
 * Proves that no int64 of a client ends its connection or is taken for another one: every such field of every request
 * that is served, at the values where numbers stop being exact and where an int64 ends, over TCP. The error codes are
 * those of Apache Kafka 4.4.0 (tests/transcripts/int64_answers.json).
 */
import { assert, assertEquals } from "@std/assert";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { ListGroups } from "../../src/protocol/messages/list_groups.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import answers from "../transcripts/int64_answers.json" with { type: "json" };
import { answersTo, EXTREMES, int64Paths, requestWith } from "../transcripts/int64_requests.ts";
import { batchOf, produce } from "./calls.ts";
import { TestBroker, withDirectory } from "./harness.ts";
import { prepare, servedWithInt64 } from "./int64_subject.ts";

Deno.test("an int64 at its extremes is answered as by Kafka, in every field of every request", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect(), served = await servedWithInt64(connection);
  const subject = await prepare(connection, "int64");
  const found = await answersTo(served, () => broker.wire(), subject);
  const known: Record<string, unknown> = answers;
  assertEquals(Object.keys(found).sort(), Object.keys(known).sort(), "record the answers anew");
  for (const [name, codes] of Object.entries(found)) assertEquals(codes, known[name], name);
  await broker.serves();
});

Deno.test("no version closes the connection for an int64", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect(), subject = await prepare(connection, "int64");
  let sent = 0;
  for (const { api, min, max } of await servedWithInt64(connection)) {
    for (let version = min; version <= max; version++) {
      for (const path of int64Paths(api.request, version)) {
        const wire = await broker.wire();
        for (const value of EXTREMES) {
          await wire.write(requestWith(api, version, { path, value, subject }));
          assert(await wire.frame() !== null, `${api.name} ${version} ${path} ${value}`);
          sent++;
        }
        wire.close();
      }
    }
  }
  assert(sent > 300, `only ${sent}`);
});

Deno.test("an int64 in the header of a batch at its extremes is answered", async () => {
  await using broker = await TestBroker.start();
  const configs = {
    "message.timestamp.after.max.ms": "9223372036854775807",
    "message.timestamp.before.max.ms": "9223372036854775807",
  };
  await broker.createTopic("t", { configs });
  const fields = { baseOffset: 0, baseTimestamp: 27, maxTimestamp: 35, producerId: 43 };
  let connection = await broker.connect();
  for (const [name, at] of Object.entries(fields)) {
    for (const value of EXTREMES) {
      const records = batchOf(["x"]);
      new DataView(records.buffer).setBigInt64(at, value);
      batch.writeCrc(records);
      const answer = await produce(connection, { topic: "t", records });
      assert([0, 87, 32].includes(answer.errorCode), `${name} ${value}: ${answer.errorCode}`);
      if (connection.isClosed) connection = await broker.connect();
    }
  }
});

Deno.test("commits with a retention time near 2^63 are kept over a restart, and leave no empty group", async () => {
  await withDirectory(async (path) => {
    for (const run of [1, 2]) {
      await using broker = await TestBroker.start({ path });
      const connection = await broker.connect();
      if (run === 1) await commitAll(broker);
      for (const [i] of EXTREMES.entries()) {
        const topics = [{ name: "int64", partitionIndexes: [0] }];
        const groups = [{ groupId: `g${i}`, memberId: null, memberEpoch: -1, topics }];
        let code = 14, offset = -1n;
        while (code === 14 || code === 15) {
          const fetched = await connection.request(OffsetFetch, 8, {
            groups,
            requireStable: false,
          });
          code = fetched.groups[0].errorCode;
          offset = fetched.groups[0].topics[0]?.partitions[0].committedOffset ?? -1n;
        }
        assertEquals([code, offset], [0, 0n], `run ${run}, ${EXTREMES[i]}`);
      }
      const { groups } = await connection.request(ListGroups, 4, { statesFilter: [] });
      assertEquals(groups.length, EXTREMES.length);
    }
  });
});

/** A group for each extreme as retention time. */
async function commitAll(broker: TestBroker): Promise<void> {
  const connection = await broker.connect(), subject = await prepare(connection, "int64");
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  const wire = await broker.wire(), path = "retentionTimeMs";
  for (const [i, value] of EXTREMES.entries()) {
    const of = { ...subject, group: `g${i}` };
    await wire.write(requestWith(OffsetCommit as never, 2 + i % 3, { path, value, subject: of }));
    const { topics } = await wire.answer(OffsetCommit, 2 + i % 3);
    assertEquals(topics, [], "no partition was named");
    await wire.write(
      requestWith(OffsetCommit as never, 2 + i % 3, { path, value, subject: of, fill: "topics" }),
    );
    const answer = await wire.answer(OffsetCommit, 2 + i % 3);
    assertEquals(answer.topics[0].partitions[0].errorCode, 0, `${value}`);
  }
}
