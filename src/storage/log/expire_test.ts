/** Proves that producers are forgotten with time while a log serves, and that a log nobody has asked is not read for it. */
import { assertEquals } from "@std/assert";
import { buildBatch } from "../../protocol/records/build.ts";
import { PartitionsFixture } from "../../testing/partitions.ts";
import { expire } from "./expire.ts";

const DAY_MS = 86_400_000;

Deno.test("who is not heard of for producer.id.expiration.ms is forgotten while the log serves, but never within a transaction", async () => {
  const fixture = await PartitionsFixture.start(), { clock } = fixture;
  await fixture.create("t");
  const log = fixture.log("t");
  expire(log, clock);
  assertEquals(log.loadedProducers, null);
  const send = (producerId: number, isTransactional: boolean) => {
    const records = [{ timestampMs: clock.nowMs(), value: new Uint8Array(1) }];
    const producer = { producerId, producerEpoch: 0, baseSequence: 0, isTransactional };
    return log.append(buildBatch({ records, ...producer }), { origin: "client", leaderEpoch: 0 });
  };
  await send(1, false).durable;
  await send(2, true).durable;
  clock.advance(DAY_MS - 1);
  expire(log, clock);
  assertEquals(log.producers.entries().map(({ producerId }) => producerId), [1, 2]);
  clock.advance(1);
  expire(log, clock);
  assertEquals(log.producers.entries().map(({ producerId }) => producerId), [2]);
  assertEquals(log.lastStableOffset, 1);
});
