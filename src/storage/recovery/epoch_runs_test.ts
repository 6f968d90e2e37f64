/** Which leader epochs are believed, which are put right and from what, and where a checkpoint knows better than a walk. */
import { assertEquals } from "@std/assert";
import type { EpochEntry } from "../directory/leader_epochs.ts";
import { EpochRuns } from "./epoch_runs.ts";

/** Batches of two offsets with these epochs, from `from` on. */
function judged(
  epochs: number[],
  known: [number, number][] = [],
  maxEpoch = 9,
  from = 0,
  logStartOffset = 0,
) {
  const runs = new EpochRuns();
  for (const [i, epoch] of epochs.entries()) {
    runs.note(epoch, 0, i * 100, from + i * 2, from + i * 2 + 2);
  }
  const entries: EpochEntry[] = known.map(([epoch, startOffset]) => ({ epoch, startOffset }));
  const { repairs, damage, epochs: found } = runs.judge(maxEpoch, entries, logStartOffset);
  return {
    epochs: found.map(({ epoch, startOffset }) => [epoch, startOffset]),
    repairs: repairs.map(({ offset, found, epoch }) => [offset, found, epoch]),
    damage: damage?.offset ?? null,
  };
}

Deno.test("epochs that rise are taken from the batches", () => {
  assertEquals(judged([0, 0, 2, 2, 5]), {
    epochs: [[0, 0], [2, 4], [5, 8]],
    repairs: [],
    damage: null,
  });
  assertEquals(judged([-1, -1, 0]).epochs, [[0, 4]]); // from before there were epochs
});

Deno.test("one batch between two of the same epoch has theirs", () => {
  for (const wrong of [0, 3, 77, -5, 2 ** 31 - 1]) {
    assertEquals(judged([1, 1, wrong, 1, 1]), {
      epochs: [[1, 0]],
      repairs: [[4, wrong, 1]],
      damage: null,
    });
  }
});

Deno.test("where neighbours do not tell, the checkpoint does, within what they allow", () => {
  const known: [number, number][] = [[0, 0], [1, 4], [2, 8]];
  assertEquals(judged([0, 0, 1, 9, 2, 2], known, 5), {
    epochs: [[0, 0], [1, 4], [2, 8]],
    repairs: [[6, 9, 1]],
    damage: null,
  });
  assertEquals(judged([0, 0, 1, 9, 2, 2], [], 5).damage, 6);
  assertEquals(judged([0, 0, 1, 9, 2, 2], [[0, 0], [7, 5]], 5).damage, 6);
});

Deno.test("what can be two things is damage", () => {
  assertEquals(judged([1, 3, 1, 3]).damage !== null, true);
  assertEquals(judged([3, 3, 1, 1]).damage !== null, true); // two batches are not one flipped bit
  assertEquals(judged([1, 12], [], 9).damage, 2); // the last: anything from 1 to 9
  assertEquals(judged([1, 12], [], 1), { epochs: [[1, 0]], repairs: [[2, 12, 1]], damage: null });
});

Deno.test("one batch that the checkpoint says otherwise of is damage, several are believed", () => {
  assertEquals(judged([0, 0, 1, 1, 1], [[0, 0], [1, 6]]).damage, 4);
  assertEquals(judged([0, 0, 0, 1, 1], [[0, 0], [1, 4]]).damage, 6);
  assertEquals(judged([0, 1, 2, 2], [[0, 0], [2, 4]]).damage, 2);
  assertEquals(judged([0, 1, 1, 1, 1], [[0, 0], [1, 8]]), {
    epochs: [[0, 0], [1, 2]],
    repairs: [],
    damage: null,
  });
  assertEquals(judged([0, 0, 1], [[0, 0]]).damage, null); // a new epoch, not written down yet
});

Deno.test("a walk that begins late, and compaction, move no beginning", () => {
  const known: [number, number][] = [[0, 0], [1, 30], [2, 50], [4, 70]];
  assertEquals(judged([1, 1, 2, 2], known, 9, 46).epochs, known);
  assertEquals(judged([0, 4], [[0, 0], [1, 2], [3, 2], [4, 2]], 9).epochs, [[0, 0], [4, 2]]);
  const runs = new EpochRuns(); // 0 at 10, then compacted away up to 80, where 4 is
  runs.note(0, 0, 0, 10, 12);
  runs.note(4, 0, 100, 80, 82);
  const entries = known.map(([epoch, startOffset]) => ({ epoch, startOffset }));
  assertEquals(runs.judge(9, entries, 0).epochs, entries);
});

Deno.test("what the checkpoint says of offsets that the batches speak against goes", () => {
  assertEquals(judged([3, 3, 3, 3], [[0, 0], [3, 30]]).epochs, [[3, 0]]);
  assertEquals(judged([0, 0, 0, 0], [[0, 0], [1, 3]]).epochs, [[0, 0]]);
});

Deno.test("an epoch that begins at the log start, as Kafka writes it, is spoken against by no batch below", () => {
  const trimmed: [number, number][] = [[1, 4], [2, 8]];
  assertEquals(judged([0, 1, 1, 1, 2], trimmed, 9, 0, 4).damage, null);
  assertEquals(judged([1, 1, 1, 1, 2], trimmed, 9, 0, 4), {
    epochs: trimmed,
    repairs: [],
    damage: null,
  });
  assertEquals(judged([1, 1, 1, 1, 2], [[1, 6], [2, 8]], 9, 0, 4).damage, null); // several batches
});
