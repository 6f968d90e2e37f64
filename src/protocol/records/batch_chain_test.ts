/** BatchChain: every bit of every batch, and what only neighbours can tell. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as batch from "./batch.ts";
import { BatchChain } from "./batch_chain.ts";
import { buildBatch } from "./build.ts";

function batchAt(baseOffset: number, count: number, epoch: number): Uint8Array {
  const value = new TextEncoder().encode(`value of ${baseOffset}`);
  const records = Array.from({ length: count }, () => ({ timestampMs: 7, value }));
  return buildBatch({ records, baseOffset, partitionLeaderEpoch: epoch });
}

/** How many batches the chain takes, and why it takes no more. */
function taken(
  batches: readonly Uint8Array[],
  rules: Partial<ConstructorParameters<typeof BatchChain>[0]> = {},
): [number, string | null] {
  const chain = new BatchChain({ nextOffset: 0, mayHaveGaps: false, ...rules });
  for (const [i, bytes] of batches.entries()) {
    const before = [chain.nextOffset, chain.leaderEpoch];
    const problem = chain.take(bytes);
    if (problem === null) continue;
    assertEquals([chain.nextOffset, chain.leaderEpoch], before);
    return [i, problem];
  }
  return [batches.length, null];
}

Deno.test("batches that follow each other are taken", () => {
  assertEquals(taken([batchAt(0, 2, 0), batchAt(2, 1, 0), batchAt(3, 3, 4)]), [3, null]);
});

Deno.test("every flipped bit of a batch is found, by its checksum or its neighbours", () => {
  const whole = [batchAt(0, 2, 1), batchAt(2, 1, 1), batchAt(3, 1, 1)];
  for (const which of [0, 1, 2]) {
    for (let bit = 0; bit < whole[which].length * 8; bit++) {
      const damaged = whole.map((bytes) => bytes.slice());
      damaged[which][bit >> 3] ^= 1 << bit % 8;
      const [count, problem] = taken(damaged, { maxLeaderEpoch: 1 });
      if (problem !== null) continue;
      // Left is a leader epoch that does not fall: it says nothing of the records.
      assertEquals(
        [count, bit >> 3 >= 12 && bit >> 3 < 16],
        [3, true],
        `batch ${which} bit ${bit}`,
      );
      assert(batch.partitionLeaderEpoch(damaged[which]) < 1);
    }
  }
});

Deno.test("a batch that is cut off says how much of it is there", () => {
  const [, problem] = taken([batchAt(0, 1, 0).subarray(0, 65)]);
  assertStringIncludes(problem!, "is not whole: 65 bytes are there");
});

Deno.test("offsets may jump ahead only where compaction leaves gaps, and never go back", () => {
  const gap = [batchAt(0, 1, 0), batchAt(5, 1, 0)], back = [batchAt(0, 3, 0), batchAt(1, 1, 0)];
  assertEquals(taken(gap), [1, "has base offset 5, needs 1"]);
  assertEquals(taken(gap, { mayHaveGaps: true }), [2, null]);
  assertEquals(taken(back, { mayHaveGaps: true }), [1, "has base offset 1, needs 3 or more"]);
});

Deno.test("a leader epoch that falls, or that no leader had, is found", () => {
  const falling = [batchAt(0, 1, 3), batchAt(1, 1, 2)];
  assertEquals(taken(falling), [1, "has leader epoch 2, after 3"]);
  assertEquals(taken(falling.slice(0, 1), { maxLeaderEpoch: 2 }), [
    0,
    "has leader epoch 3, and the latest is 2",
  ]);
});
