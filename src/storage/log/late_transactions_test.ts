/** Proves which partitions count as having a late transaction, and that a log nobody has asked is not read for it. */
import { assertEquals } from "@std/assert";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import { PartitionsFixture } from "../../testing/partitions.ts";
import { withLateTransactions } from "./late_transactions.ts";

Deno.test("a partition counts when its oldest transaction is open for longer than any may be, and five minutes", async () => {
  const fixture = await PartitionsFixture.start(), { clock } = fixture;
  await fixture.create("t", 3);
  const logs = [0, 1, 2].map((partition) => fixture.log("t", partition));
  const late = () => withLateTransactions(logs, { nowMs: clock.nowMs(), maxTimeoutMs: 900_000 });
  const producer = { producerId: 7, producerEpoch: 0 };
  for (const log of logs.slice(0, 2)) {
    const records = [{ timestampMs: clock.nowMs(), value: new Uint8Array(1) }];
    const bytes = buildBatch({ records, ...producer, baseSequence: 0, isTransactional: true });
    assertEquals(log.append(bytes, { origin: "client", leaderEpoch: 0 }).errorCode, 0);
  }
  assertEquals(logs[2].loadedProducers, null);
  clock.advance(900_000 + 5 * 60_000);
  assertEquals(late(), 0);
  clock.advance(1);
  assertEquals(late(), 2);
  const ended = { ...producer, isCommit: false, coordinatorEpoch: 0, timestampMs: clock.nowMs() };
  logs[0].append(buildEndTxnBatch(ended), { origin: "coordinator", leaderEpoch: 0 });
  assertEquals(late(), 1);
  assertEquals(logs[2].loadedProducers, null);
});
