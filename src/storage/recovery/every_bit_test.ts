/**
 * One bit flipped at every byte of a small log, plain and compacted, and the log started again with the recovery point at
 * its beginning, in the middle and at its end. Whatever the bit: every synced record is served as it was, or the partition
 * is offline with its bytes as they were; no offset, epoch or record is ever another one, and only a torn end is cut.
 */
import { assert, assertEquals } from "@std/assert";
import { readInt64 } from "../../bytes/int64.ts";
import * as batch from "../../protocol/records/batch.ts";
import {
  batchesOf,
  COMPACTED,
  filledLog,
  logsOf,
  opened,
  pathOf,
  PLAIN,
} from "../../testing/damaged_log.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import type { OpenReport } from "../log/open_log.ts";
import type { Store } from "../store.ts";

interface Shape {
  readonly name: string;
  readonly config: typeof PLAIN;
  readonly bases: readonly number[];
  readonly end: number;
  make(): Promise<MemoryStore>;
}

const SHAPES: Shape[] = [
  {
    name: "plain",
    config: PLAIN,
    bases: [0, 8, 16],
    end: 24,
    make: async () => (await filledLog({ epochs: [0, 5, 9] })).store,
  },
  {
    name: "compacted",
    config: COMPACTED,
    bases: [0, 40, 80],
    end: 88,
    make: async () => {
      const { store } = await filledLog({ epochs: [0, 5, 9] });
      // Offsets 0, 10, 20, 30, 40, …: compaction has taken what lay between, but not of the last segment.
      for (const [i, [path, bytes]] of logEntries(store).entries()) {
        const at = [...batch.batches(bytes)];
        for (const [j, position] of at.entries()) {
          const offset = i < 2 ? i * 40 + j * 10 : 80 + j * 2;
          batch.assign(bytes, position, offset, batch.partitionLeaderEpoch(bytes, position));
        }
        store.remove(path);
        await store.replace(pathOf(i * 40), bytes);
      }
      const epochs = "0\n3\n0 0\n1 50\n2 82\n";
      await store.replace("t-0/leader-epoch-checkpoint", new TextEncoder().encode(epochs));
      return store;
    },
  },
];

function logEntries(store: Store): [path: string, bytes: Uint8Array][] {
  return [...logsOf(store).keys()].map((name) => {
    const path = `t-0/${name}`;
    return [path, store.readAll(path)!.slice()];
  });
}

async function copyOf(store: Store): Promise<MemoryStore> {
  const copy = new MemoryStore();
  copy.makeFolder("t-0");
  for (const { name } of store.list("t-0")) {
    await copy.replace(`t-0/${name}`, store.readAll(`t-0/${name}`)!.slice());
  }
  return copy;
}

/** What is served of the batches: those that are other ones than they were, with offsets that a gap leaves open aside. */
function wrongServed(shape: Shape, found: readonly Uint8Array[], whole: readonly Uint8Array[]) {
  const wrong: string[] = [];
  for (const [i, bytes] of found.entries()) {
    if (bytes.toHex() === whole[i]?.toHex()) continue;
    const isSame = whole[i] !== undefined &&
      bytes.subarray(8).toHex() === whole[i].subarray(8).toHex();
    const before = i === 0 ? 0 : batch.lastOffset(whole[i - 1]) + 1;
    const after = whole[i + 1] === undefined ? shape.end : readInt64(whole[i + 1], 0);
    const isInGap = isSame && shape.config === COMPACTED && batch.baseOffset(bytes) >= before &&
      batch.lastOffset(bytes) < after && i < 8;
    if (!isInGap) wrong.push(`batch ${i} of ${found.length} at ${batch.baseOffset(bytes)}`);
  }
  return wrong;
}

interface Tally {
  offline: number;
  healed: number;
  torn: number;
  unwalked: number;
}

for (const shape of SHAPES) {
  for (
    const recoveryPoint of [0, shape.bases[1] + (shape.bases[2] - shape.bases[1]) / 2, shape.end]
  ) {
    Deno.test(`one bit at every byte, ${shape.name}, recovery point ${recoveryPoint}: right, or offline with its bytes`, async () => {
      const sound = await shape.make();
      const first = await opened(
        await copyOf(sound),
        { recoveryPoint, maxLeaderEpoch: 2 },
        shape.config,
      );
      assertEquals(first.damage, null);
      const whole = batchesOf(first.log), epochs = first.log.epochs.entries;
      assertEquals(whole.length, 12);
      const tally: Tally = { offline: 0, healed: 0, torn: 0, unwalked: 0 };
      const walkedFrom = shape.bases.findLast((base) => base <= recoveryPoint)!;
      for (const base of shape.bases) {
        const { length } = sound.readAll(pathOf(base))!;
        for (let at = 0; at < length; at++) {
          for (const bit of new Set([1 << at % 8, 1, 2])) {
            const store = await copyOf(sound), bytes = store.readAll(pathOf(base))!.slice();
            bytes[at] ^= bit;
            await store.replace(pathOf(base), bytes);
            const harmed = logsOf(store);
            const report = await opened(store, { recoveryPoint, maxLeaderEpoch: 2 }, shape.config);
            const where = `bit ${bit} at ${at} of segment ${base}`;
            check(report, where, { store, harmed, isWalked: base >= walkedFrom });
          }
        }
      }
      assert(tally.offline > 500, JSON.stringify(tally));
      if (recoveryPoint < shape.end) assert(tally.torn > 50, JSON.stringify(tally));
      assert(tally.healed > 0, JSON.stringify(tally));

      function check(
        { log, damage, cutBytes }: OpenReport,
        where: string,
        { store, harmed, isWalked }: {
          store: Store;
          harmed: Map<string, string>;
          isWalked: boolean;
        },
      ) {
        if (damage !== null || !isWalked) {
          assertEquals(logsOf(store), harmed, where);
          if (isWalked) tally.offline++;
          else tally.unwalked++;
          return;
        }
        const found = batchesOf(log);
        assertEquals(wrongServed(shape, found, whole), [], where);
        assertEquals(log.epochs.entries, epochs, where);
        if (cutBytes === 0) {
          assertEquals(found.length, 12, where);
          tally.healed++;
        } else {
          assertEquals([found.length, cutBytes], [11, whole[11].length], where);
          assert(recoveryPoint <= shape.end - 2, where);
          tally.torn++;
        }
      }
    });
  }
}
