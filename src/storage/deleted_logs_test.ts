/** Proves that nothing holds on to the logs of topics that were deleted, however long the broker runs. */
import { assertEquals } from "@std/assert";
import { randomUuid } from "../bytes/uuid.ts";
import { stillHeld } from "../testing/collected.ts";
import { createAll } from "../testing/created_logs.ts";
import { FaultyStore } from "../testing/faulty_store.ts";
import { send, StorageWorld, wantedLog } from "../testing/storage_world.ts";
import { MemoryStore } from "./backends/memory_store.ts";

for (const policy of ["fsync", "os"] as const) {
  Deno.test(`the logs of deleted topics are held by nobody (flush=${policy})`, async () => {
    const world = await StorageWorld.open(new FaultyStore(new MemoryStore()), [], { policy });
    const refs: WeakRef<object>[] = [];
    for (let i = 0; i < 20; i++) refs.push(...await liveAndDie(world, `t${i}`));
    assertEquals(refs.length, 40);
    assertEquals(await stillHeld(refs), 0);
    await world.stop();
  });
}

/** A topic of two partitions comes, is written to, checkpointed, and goes. */
async function liveAndDie(
  { logs }: StorageWorld,
  topic: string,
): Promise<WeakRef<object>[]> {
  const topicId = randomUuid();
  createAll(logs, [0, 1].map((partition) => wantedLog(topicId, { topic, partition })));
  const refs: WeakRef<object>[] = [];
  for (const partition of [0, 1]) {
    const log = logs.get(topicId, partition)!;
    for (const value of ["a", "b"]) await send(log, [value]).durable;
    refs.push(new WeakRef(log));
  }
  await logs.checkpoint();
  await logs.remove([topicId]);
  return refs;
}
