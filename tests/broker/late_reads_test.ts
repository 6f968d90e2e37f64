/**
 * Proves that a log may answer a read later, as one whose segments do not lie on this machine will: fetches of several
 * partitions, long polls and the order of a connection's requests are what they are otherwise.
 */
import { assert, assertEquals } from "@std/assert";
import { PartitionLog } from "../../src/storage/log/partition_log.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { append, fetch, fetchOne, valuesIn } from "./calls.ts";
import { pause, TestBroker, within } from "./harness.ts";

/** While `body` runs every read of every log takes a turn of the event loop, and longer now and then. */
async function withLateReads(body: (reads: { count: number }) => Promise<void>): Promise<void> {
  const reads = { count: 0 }, read = PartitionLog.prototype.read;
  PartitionLog.prototype.read = async function (...args) {
    await pause(++reads.count % 3);
    return await read.apply(this, args);
  };
  try {
    await body(reads);
  } finally {
    PartitionLog.prototype.read = read;
  }
}

Deno.test("a fetch of several partitions waits for logs that answer later", () =>
  withLateReads(async (reads) => {
    await using broker = await TestBroker.start();
    const connection = await broker.connect();
    await broker.createTopic("t", { partitions: 3 });
    for (const partition of [0, 1, 2]) {
      await append(connection, "t", [`${partition} a`, `${partition} b`], { partition });
    }
    const partitions = [0, 1, 2].map((partition) => ({ partition, fetchOffset: 0 }));
    const { responses } = await fetch(connection, [{ topic: "t", partitions }], {}, 12);
    assertEquals(responses[0].partitions.map(({ records }) => valuesIn(records)), [
      ["0 a", "0 b"],
      ["1 a", "1 b"],
      ["2 a", "2 b"],
    ]);
    assert(reads.count >= 3);
  }));

Deno.test("a long poll on logs that answer later is answered by what comes meanwhile", () =>
  withLateReads(async () => {
    await using broker = await TestBroker.start();
    const reader = await broker.connect(), writer = await broker.connect();
    await broker.createTopic("t");
    const polled = fetchOne(reader, "t", 0, { maxWaitMs: 30_000, minBytes: 1 });
    await broker.arrived(Fetch, 1);
    await append(writer, "t", ["late"]);
    assertEquals(valuesIn((await within(polled, "the poll")).records), ["late"]);
  }));

Deno.test("requests of one connection keep their order behind a late read", () =>
  withLateReads(async () => {
    await using broker = await TestBroker.start();
    const connection = await broker.connect();
    await broker.createTopic("t");
    await append(connection, "t", ["x"]);
    const order: string[] = [];
    const first = fetchOne(connection, "t", 0).then(() => order.push("fetch"));
    const second = append(connection, "t", ["y"]).then(() => order.push("append"));
    await within(Promise.all([first, second]), "both");
    assertEquals(order, ["fetch", "append"]);
  }));
