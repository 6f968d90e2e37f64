/**
 * What a power loss leaves of a log in which compaction may leave gaps: sealed segments that are empty or short, whose
 * names survived and whose bytes did not. What nothing compacted is no work of compaction: the journal's bytes go back
 * where they continue the file, and an empty segment that continues nothing does not move the end of the log.
 */
import { assert, assertEquals } from "@std/assert";
import {
  COMPACTED,
  entryOf,
  filesOf,
  filledLog,
  harm,
  logsOf,
  opened,
  pathOf,
  REF,
} from "../../testing/damaged_log.ts";
import type { LogInventory } from "../directory/inventory.ts";

/** Written down when the topic was made: nothing was compacted. */
const YOUNG: LogInventory = {
  ...REF,
  isExact: false,
  logStartOffset: 0,
  recoveryPoint: 0,
  endOffset: 0,
  compactedTo: null,
  compactingTo: null,
  lastBatch: null,
  snapshot: null,
  epochs: [],
  segments: [{ baseOffset: 0, bytes: 0 }],
};

/** Five segments, all of it in the journal, an entry a batch; bytes of the later ones did not reach their files. */
async function lost(left: (base: number, bytes: number) => number) {
  const { store } = await filledLog({ batches: 20, rolls: [4, 8, 12, 16] });
  const bases = [0, 8, 16, 24, 32], whole = logsOf(store);
  const journal = bases.flatMap((base) => {
    const piece = store.readAll(pathOf(base))!.length / 4;
    return [0, 1, 2, 3].map((i) => ({
      ...entryOf(store, base, { from: i * piece, to: (i + 1) * piece }),
      sequence: 1 + base / 2 + i,
    }));
  });
  for (const base of bases) {
    await harm(store, pathOf(base), (bytes) => bytes.subarray(0, left(base, bytes.length)));
    await harm(store, pathOf(base, ".index"), () => new Uint8Array(0));
    await harm(store, pathOf(base, ".timeindex"), () => new Uint8Array(0));
  }
  return { store, journal, whole };
}

Deno.test("sealed segments that a power loss left empty or short come back from the journal in a log that was never compacted", async () => {
  const losses = [
    (base: number, bytes: number) => base < 16 ? bytes : 0,
    (base: number, bytes: number) => base < 8 ? bytes : 0,
    (base: number, bytes: number) => base === 16 ? bytes / 2 : bytes,
    (base: number, bytes: number) => base === 24 || base === 8 ? 0 : bytes,
  ];
  for (const [i, left] of losses.entries()) {
    const { store, journal, whole } = await lost(left);
    const found = await opened(store, { recoveryPoint: 0, journal, record: YOUNG }, COMPACTED);
    assertEquals([found.damage, found.log.logEndOffset], [null, 40], `loss ${i}`);
    assertEquals(logsOf(store), whole, `loss ${i}`);
    assert(found.warnings.some((warning) => warning.includes("put back")), `loss ${i}`);
  }
});

Deno.test("so they do in a log that was compacted below them", async () => {
  const { store, journal, whole } = await lost((base, bytes) => base < 16 ? bytes : 0);
  const record = {
    ...YOUNG,
    compactedTo: 8,
    recoveryPoint: 8,
    segments: [{ baseOffset: 0, bytes: store.readAll(pathOf(0))!.length }, {
      baseOffset: 8,
      bytes: 0,
    }],
  };
  const found = await opened(store, { recoveryPoint: 8, journal, record }, COMPACTED);
  assertEquals([found.damage, logsOf(store)], [null, whole]);
});

Deno.test("an empty segment behind the end of what was never compacted does not move the end of the log", async () => {
  const { store } = await filledLog({ batches: 12, rolls: [4, 8] });
  await harm(store, pathOf(8), (bytes) => bytes.subarray(0, bytes.length / 2));
  await harm(store, pathOf(16), () => new Uint8Array(0));
  // In the record, and with the snapshot of the roll that lasted.
  const record = {
    ...YOUNG,
    segments: [0, 8, 16].map((baseOffset) => ({ baseOffset, bytes: 0 })),
  };
  const { log, damage } = await opened(store, { recoveryPoint: 0, record }, COMPACTED);
  assertEquals([damage, log.logEndOffset], [null, 12]);
  const names = [...filesOf(store).keys()];
  assert(
    !names.includes("00000000000000000016.log") && !names.includes("00000000000000000016.snapshot"),
  );
  assert(names.includes("00000000000000000016.log.stray"));
});

Deno.test("behind what was compacted it does", async () => {
  const { store } = await filledLog({ batches: 12, rolls: [4, 8] });
  await harm(store, pathOf(8), (bytes) => bytes.subarray(0, bytes.length / 2));
  await harm(store, pathOf(16), () => new Uint8Array(0));
  const record = { ...YOUNG, compactedTo: 16, recoveryPoint: 16, endOffset: 16 };
  const { log, damage } = await opened(store, { recoveryPoint: 16, record }, COMPACTED);
  assertEquals([damage, log.logEndOffset], [null, 16]);
});

Deno.test("the epoch of one batch at the end of a sealed segment does not speak against the checkpoint when the next is lower", async () => {
  const { store, log } = await filledLog({ epochs: [0, 4] });
  const known = log.epochs.entries;
  await harm(store, pathOf(0), (bytes) => void (bytes[bytes.length * 3 / 4 + 15] ^= 3)); // 0 becomes 3
  const { log: again, damage } = await opened(store, { recoveryPoint: 24 });
  await again.lead(3);
  assertEquals([damage, again.epochs.entries], [null, [...known, { epoch: 3, startOffset: 24 }]]);
});

Deno.test("a segment ahead of the end in which nothing is of its place is put aside whole, and does not move the end", async () => {
  const { store } = await filledLog({ batches: 12, rolls: [4, 8] });
  const copy = store.readAll(pathOf(8))!.slice();
  await store.replace(pathOf(1000), copy);
  const journal = [entryOf(store, 16)]; // nothing behind was acknowledged
  const record = { ...YOUNG, segments: [0, 8, 16].map((baseOffset) => ({ baseOffset, bytes: 0 })) };
  const { log, damage, warnings } = await opened(
    store,
    { recoveryPoint: 0, record, journal, compactedTo: 0 },
    COMPACTED,
  );
  assertEquals([damage, log.logEndOffset], [null, 24]);
  assertEquals(store.readAll(`${pathOf(1000)}.stray`), copy);
  assert(warnings.some((warning) => warning.includes("00000000000000001000")));
});
