/** Proves where the last stable offset lies beside the log's other bounds, live and after the log was opened again. */
import { assertEquals } from "@std/assert";
import { topicConfigDefaults } from "../../config/topic_configs.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import { PartitionsFixture } from "../../testing/partitions.ts";
import { openLog } from "./open_log.ts";
import type { PartitionLog } from "./partition_log.ts";

async function start() {
  const fixture = await PartitionsFixture.start();
  await fixture.create("t");
  const log = fixture.log("t"), timestampMs = fixture.clock.nowMs();
  const producer = { producerId: 7, producerEpoch: 0 };
  const send = async (isTransactional: boolean, baseSequence = 0) => {
    const records = [{ timestampMs, value: new Uint8Array(1) }];
    const bytes = buildBatch({
      records,
      ...isTransactional && { ...producer, baseSequence, isTransactional },
    });
    await log.append(bytes, { origin: "client", leaderEpoch: 0 }).durable;
  };
  const end = async () => {
    const bytes = buildEndTxnBatch({
      ...producer,
      isCommit: false,
      coordinatorEpoch: 0,
      timestampMs,
    });
    await log.append(bytes, { origin: "coordinator", leaderEpoch: 0 }).durable;
  };
  return { fixture, log, send, end };
}

const boundsOf = (
  { logStartOffset, lastStableOffset, highWatermark }: PartitionLog,
) => [logStartOffset, lastStableOffset, highWatermark];

Deno.test("the last stable offset is never below the log start, though an open transaction began there", async () => {
  const { log, send, end } = await start();
  await send(true);
  for (let i = 0; i < 4; i++) await send(false);
  assertEquals(boundsOf(log), [0, 0, 5]);
  log.advanceStart(3);
  assertEquals(boundsOf(log), [3, 3, 5]);
  assertEquals(log.hasData(3, "lso"), false);
  await end();
  assertEquals(boundsOf(log), [3, 6, 6]);
});

Deno.test("what of an open transaction lies above the log start keeps the last stable offset there over a restart", async () => {
  const { fixture, log, send } = await start();
  await send(true);
  await send(false);
  await send(true, 1);
  await send(false);
  log.advanceStart(2);
  await log.close();
  const context = fixture.context;
  const { topicId, topic, partition } = log;
  const opened = await openLog(context, { topicId, topic, partition }, topicConfigDefaults(), {
    recoveryPoint: 4,
    logStartOffset: 2,
    clean: true,
    journal: [],
  });
  assertEquals(opened.damage, null);
  assertEquals(boundsOf(opened.log), [2, 2, 4]);
});
