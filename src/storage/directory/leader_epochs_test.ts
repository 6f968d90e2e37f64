/** Leader epochs: the answers of Kafka's LeaderEpochFileCache, case by case, and the checkpoint file. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { LeaderEpochs } from "./leader_epochs.ts";
import { MemoryStore } from "../backends/memory_store.ts";

function epochs(...pairs: [number, number][]): LeaderEpochs {
  const store = new MemoryStore();
  store.makeFolder("t-0");
  const made = LeaderEpochs.load(store, "t-0");
  for (const [epoch, startOffset] of pairs) assert(made.assign(epoch, startOffset));
  return made;
}

const pairs = (epochs: LeaderEpochs) => epochs.entries.map((e) => [e.epoch, e.startOffset]);

Deno.test("endOffsetFor() answers as OffsetForLeaderEpoch needs it", () => {
  const known = epochs([2, 5], [4, 10], [7, 20]);
  const ask = (epoch: number) => {
    const answer = known.endOffsetFor(epoch, 33);
    return [answer.epoch, answer.endOffset];
  };
  assertEquals(ask(7), [7, 33]); // the latest ends at the log end
  assertEquals(ask(4), [4, 20]);
  assertEquals(ask(2), [2, 10]);
  assertEquals(ask(5), [4, 20]); // unknown in between: the one before
  assertEquals(ask(1), [1, 5]); // before the first: ends where that begins
  assertEquals(ask(8), [-1, -1]);
  assertEquals(ask(-1), [-1, -1]);
  assertEquals(epochs().endOffsetFor(0, 33), { epoch: -1, endOffset: -1 });
});

Deno.test("assign() keeps both columns ascending and ignores what it knows", () => {
  const known = epochs([0, 0], [1, 10], [2, 20]);
  assert(!known.assign(2, 25)); // the epoch goes on
  assertEquals(pairs(known), [[0, 0], [1, 10], [2, 20]]);
  assert(known.assign(3, 15)); // the log was cut to 15 before
  assertEquals(pairs(known), [[0, 0], [1, 10], [3, 15]]);
  assert(known.assign(1, 40)); // an older epoch: the later ones never were
  assertEquals(pairs(known), [[0, 0], [1, 40]]);
  assertThrows(() => known.assign(-1, 0), RangeError);
});

Deno.test("epochFor() tells the epoch of an offset", () => {
  const known = epochs([2, 5], [4, 10]);
  assertEquals([4, 5, 9, 10, 99].map((offset) => known.epochFor(offset)), [-1, 2, 2, 4, 4]);
  assertEquals(known.latestEpoch, 4);
});

Deno.test("truncateFromEnd() and truncateFromStart() follow the log", () => {
  const known = epochs([2, 5], [4, 10], [7, 20]);
  assert(!known.truncateFromEnd(21));
  assert(known.truncateFromEnd(20));
  assertEquals(pairs(known), [[2, 5], [4, 10]]);
  assert(!known.truncateFromStart(3));
  assert(!known.truncateFromStart(5));
  assert(known.truncateFromStart(7));
  assertEquals(pairs(known), [[2, 7], [4, 10]]);
  assert(known.truncateFromStart(50));
  assertEquals(pairs(known), [[4, 50]]);
});

Deno.test("the checkpoint is written in Kafka's lines and read back; a damaged one is empty and says why", async () => {
  const store = new MemoryStore();
  store.makeFolder("t-0");
  const made = LeaderEpochs.load(store, "t-0");
  made.assign(0, 0);
  made.assign(3, 5_000_000_000);
  await made.save();
  const path = "t-0/leader-epoch-checkpoint";
  assertEquals(new TextDecoder().decode(store.readAll(path)!), "0\n2\n0 0\n3 5000000000\n");
  assertEquals(pairs(LeaderEpochs.load(store, "t-0")), [[0, 0], [3, 5_000_000_000]]);
  for (const damaged of ["0\n1\nx y\n", "0\n2\n3 5\n3 6\n", "0\n2\n3 5\n4 4\n", "9\n0\n"]) {
    await store.replace(path, new TextEncoder().encode(damaged));
    const loaded = LeaderEpochs.load(store, "t-0");
    assertEquals(pairs(loaded), []);
    assertStringIncludes(loaded.damage!, path);
  }
});
