/**
 * Proves how many rounds of sync a transaction of one record waits for, of a client of version 2: one for its records, with which
 * the partition is added to it, and one for the decision to end it. Markers, and that it is complete, have theirs behind the
 * answer.
 */
import { assert, assertEquals } from "@std/assert";
import { pause, TestBroker, withDirectory } from "./harness.ts";
import { TransactionClient } from "./transactions.ts";

Deno.test("records are acknowledged after one round of sync, also where their partition is added with them, and a transaction of two records takes five in all", async () => {
  await withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path, flush: "fsync" });
    await broker.createTopic("t", { partitions: 2 });
    const client = new TransactionClient(await broker.connect(), "id");
    await client.init();
    await client.send("t", 0, ["the first"]); // opens files
    await client.end(true);
    for (let i = 0; i < 5; i++) {
      const before = await settled(broker);
      await client.send("t", 0, ["one"]);
      assertEquals(await rounds(broker) - before, 1, "the partition and its record");
      await client.send("t", 0, ["two"]);
      assertEquals(
        await rounds(broker) - before,
        2,
        "a record of a transaction that is open",
      );
      await client.end(i % 2 === 0);
      const whole = await settled(broker) - before;
      assert(whole <= 5, `${whole} rounds, with the decision, the marker, and that it is complete`);
    }
  });
});

/** How many rounds there were, once there are no more for a while. */
async function settled(broker: TestBroker): Promise<number> {
  for (let known = -1;;) {
    const now = await rounds(broker);
    if (now === known) return now;
    known = now;
    await pause(100);
  }
}

async function rounds({ httpAddress }: TestBroker): Promise<number> {
  const text = await (await fetch(`http://${httpAddress}/metrics`)).text();
  return Number(/^runnel_fsync_duration_seconds_count (\d+)$/m.exec(text)![1]);
}
