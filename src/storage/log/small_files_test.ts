/**
 * The damage campaign over the files of one partition after a clean stop: each file × {removed, empty, cut, one bit,
 * garbage appended, swapped with a neighbour's}. Whatever is asked of the log then is answered as by the undamaged
 * one, or refused as corrupt; never otherwise. A file that had to be made anew is one warning. Reads alone have to
 * achieve that; a start that looks at the files first may heal them, or take the partition offline.
 */
import { assert, assertEquals } from "@std/assert";
import { contextOf } from "../../testing/log_context.ts";
import { randomUuid } from "../../bytes/uuid.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { topicConfigDefaults } from "../../config/topic_configs.ts";
import * as batch from "../../protocol/records/batch.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import { readRecords } from "../../protocol/records/record.ts";
import { type Damage, DAMAGES, filesOf, flipped, putFiles } from "../../testing/file_damage.ts";
import {
  afterCrash,
  asRecorded,
  believing,
  closedForRecord,
  type Opener,
  withoutRecord,
} from "../../testing/recorded_log.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import type { LogInventory } from "../directory/inventory.ts";
import type { Store } from "../store.ts";
import { CorruptBatchError } from "../segments/corrupt_batch_error.ts";
import { createLog } from "./open_log.ts";
import type { PartitionLog } from "./partition_log.ts";
import { findByTimestamp, findLargestTimestamp } from "./time_search.ts";
import { readNow } from "../../testing/read_now.ts";

const CONFIG = { ...topicConfigDefaults(), "index.interval.bytes": 300 };
const TOPIC_IDS = [randomUuid(), randomUuid()];
const NOW_MS = new FakeClock().nowMs();
const MAX_BYTES = 1 << 20;
const EPOCHS = [1, 4, 5];

/** The n-th batch of an idempotent producer: two records, the timestamps of neighbours sometimes alike. */
function data(partition: number, n: number): Uint8Array {
  const timestampMs = NOW_MS + (n >> 1) * 10 + partition;
  const value = new Uint8Array(60 + n * 7 % 40 + partition * 9).fill(n);
  return buildBatch({
    records: [{ timestampMs, value }, { timestampMs: timestampMs + n % 2, value }],
    producerId: 7 + partition,
    producerEpoch: 0,
    baseSequence: 2 * n,
  });
}

/** Three segments, three leader epochs, six aborted transactions of which two begin a segment before their end. */
async function write(store: Store, partition: number): Promise<LogInventory> {
  const context = contextOf(store);
  const log = createLog(
    context,
    { topicId: TOPIC_IDS[partition], topic: "t", partition },
    CONFIG,
  );
  let n = 0;
  for (const [i, epoch] of EPOCHS.entries()) {
    if (i > 0) log.roll();
    await log.lead(epoch);
    const append = (bytes: Uint8Array, origin: "client" | "coordinator" = "client") =>
      assertEquals(log.append(bytes, { origin, leaderEpoch: epoch }).errorCode, 0);
    const begin = (producerId: number, baseSequence: number) =>
      append(buildBatch({
        records: [{ timestampMs: NOW_MS + n, value: new Uint8Array(30) }],
        producerId,
        producerEpoch: 0,
        baseSequence,
        isTransactional: true,
      }));
    const end = (producerId: number, isCommit: boolean) =>
      append(
        buildEndTxnBatch({
          isCommit,
          coordinatorEpoch: 0,
          producerId,
          producerEpoch: 0,
          timestampMs: NOW_MS + n,
        }),
        "coordinator",
      );
    if (i > 0) end(40 + partition, i !== 2); // begun in the segment before
    for (let k = 0; k < 8 + partition; k++) append(data(partition, n++));
    begin(20 + partition, 2 * i);
    append(data(partition, n++));
    end(20 + partition, false);
    begin(30 + partition, i);
    end(30 + partition, i !== 0);
    for (let k = 0; k < 6; k++) append(data(partition, n++));
    begin(20 + partition, 2 * i + 1);
    end(20 + partition, i === 1);
    begin(40 + partition, i);
    append(data(partition, n++));
  }
  return await closedForRecord(context, log);
}

async function written(): Promise<{ record: LogInventory; folders: Map<string, Uint8Array>[] }> {
  const store = new MemoryStore(), record = await write(store, 0);
  await write(store, 1);
  return { record, folders: [filesOf(store, "t-0"), filesOf(store, "t-1")] };
}

/** Every question that can be asked, with its answer; a log whose last batch is sent again last of all. */
function answers(log: PartitionLog, end: number): Map<string, string> {
  const found = new Map<string, string>();
  const ask = (question: string, answer: () => unknown) => {
    try {
      found.set(question, JSON.stringify(answer() ?? null));
    } catch (error) {
      if (!(error instanceof CorruptBatchError)) throw error;
      found.set(question, CORRUPT);
    }
  };
  for (let n = 0; n < 2 * end; n++) {
    const from = n * 7919 % end; // not in turn: sequential reads ask no index
    const maxBytes = n < end ? 1 : 700;
    ask(`read from ${from}, ${maxBytes}`, () => {
      const read = readNow(log, from, { maxBytes, bound: "hw", minOneBatch: true });
      if (read === null) return null;
      const aborted = log.abortedTransactions(from, read).map(({ producerId, firstOffset }) =>
        `${producerId}@${firstOffset}`
      );
      return [recordsOf(read, from), n < end ? aborted : []];
    });
  }
  for (let timestampMs = NOW_MS - 1; timestampMs < NOW_MS + 320; timestampMs += 3) {
    ask(`find ${timestampMs - NOW_MS}`, () => findByTimestamp(log, timestampMs, MAX_BYTES)?.offset);
  }
  ask("largest", () => findLargestTimestamp(log, MAX_BYTES)?.offset);
  for (let epoch = 0; epoch < 7; epoch++) {
    ask(`end of epoch ${epoch}`, () => log.epochs.endOffsetFor(epoch, log.logEndOffset));
  }
  for (let offset = 0; offset < end; offset += 5) {
    ask(`epoch of ${offset}`, () => log.epochs.epochFor(offset));
  }
  ask("stable", () => log.lastStableOffset);
  return found;
}

const FIRST = "00000000000000000000.log";
const CORRUPT = "corrupt";

/** The whole batches given may be more or fewer, as the index brought the read nearer or not: the first must be right. */
function recordsOf(read: Uint8Array, from: number): string {
  for (const record of readRecords(read, 0, MAX_BYTES)) {
    if (record.offset < from) continue;
    return `${record.offset}@${record.timestampMs}:${record.value?.length}:${record.value?.[0]}`;
  }
  return `control ${batch.baseOffset(read)}`;
}

async function reopened(
  open: Opener,
  files: Map<string, Uint8Array>,
  record: LogInventory,
): Promise<{ log: PartitionLog; problems: string[]; damage: string | null }> {
  const store = new MemoryStore(), problems: string[] = [];
  putFiles(store, "t-0", files);
  const { log, damage, warnings } = await open(
    contextOf(store, {
      onProblem: (event, details) => problems.push(`${event} ${JSON.stringify(details)}`),
    }),
    CONFIG,
    record,
  );
  problems.push(...warnings);
  if (damage === null) await log.lead(EPOCHS.at(-1)!);
  return { log, problems, damage };
}

/** The file of the same kind to swap with: the other partition's, or another segment's. */
function neighbours(name: string, own: Map<string, Uint8Array>, other: Map<string, Uint8Array>) {
  const kind = name.slice(name.lastIndexOf("."));
  const foreign = [...other].filter(([file]) => file.endsWith(kind));
  const siblings = [...own].filter(([file]) => file.endsWith(kind) && file !== name);
  // Another partition's log that begins at the same offset is sound in itself: its size tells, to who knew it.
  return [...kind === ".log" ? [] : foreign, ...siblings].map(([, bytes]) => bytes);
}

interface Campaign {
  readonly cases: number;
  readonly warned: number;
  /** Some answers were refused. */
  readonly corrupt: number;
  /** The partition was not served at all. */
  readonly offline: number;
}

async function campaign(
  kind: string,
  damages: readonly Damage[],
  open: Opener = believing,
): Promise<Campaign> {
  const { record, folders } = await written(), end = record.endOffset;
  const sound = await reopened(open, folders[0], record);
  const expected = answers(sound.log, end);
  assertEquals(sound.problems, []);
  assert(![...expected.values()].includes(CORRUPT));
  let cases = 0, warned = 0, corrupt = 0, offline = 0;
  for (const [name, bytes] of folders[0]) {
    if (!name.endsWith(kind)) continue;
    for (const { name: what, apply } of damages) {
      const others = what.startsWith("swapped") ? neighbours(name, ...pair(folders)) : [null];
      for (const neighbour of others) {
        // Only a record says where a log began: checkpoints do not name a start that is a segment's.
        if (open !== asRecorded && kind === ".log" && what === "removed" && name === FIRST) {
          continue;
        }
        const damaged = apply(bytes, neighbour);
        const files = new Map(folders[0]);
        if (damaged === null) files.delete(name);
        else files.set(name, damaged);
        const { log, problems, damage } = await reopened(open, files, record);
        cases++;
        if (damage !== null) {
          assert(damage.length > 20, damage);
          offline++;
          continue;
        }
        const found = answers(log, end);
        let isCorrupt = false;
        for (const [question, answer] of found) {
          isCorrupt ||= answer === CORRUPT;
          if (answer === CORRUPT) continue;
          assertEquals(answer, expected.get(question), `${name} ${what}: ${question}`);
        }
        if (isCorrupt) assert(problems.length > 0, `${name} ${what}: corrupt without a warning`);
        const again = log.append(data(0, 47), { origin: "client", leaderEpoch: EPOCHS.at(-1)! });
        if (again.errorCode === 0) {
          assertEquals(again.baseOffset, end - 2, `${name} ${what}: a retry was appended`);
        } else assert(isCorrupt, `${name} ${what}: a retry was refused: ${again.errorCode}`);
        if (problems.length > 0) warned++;
        if (isCorrupt) corrupt++;
        assert(problems.length < 9, `${name} ${what}: ${problems.length} warnings`);
      }
    }
  }
  return { cases, warned, corrupt, offline };
}

function pair(folders: Map<string, Uint8Array>[]) {
  return [folders[0], folders[1]] as const;
}

const STARTS = { asRecorded, withoutRecord, afterCrash };

for (const kind of [".index", ".timeindex", ".txnindex", ".snapshot", "leader-epoch-checkpoint"]) {
  Deno.test(`whatever happened to a ${kind} file, the log answers as before`, async () => {
    const { cases, warned, corrupt } = await campaign(kind, DAMAGES);
    assertEquals(corrupt, 0, "the log itself is sound");
    assert(
      cases >= DAMAGES.length && warned >= cases / LEAST_WARNED[kind],
      `${warned} of ${cases}`,
    );
  });

  for (const [start, open] of Object.entries(STARTS)) {
    Deno.test(`whatever happened to a ${kind} file, a start (${start}) serves the log as before`, async () => {
      const { cases, corrupt, offline } = await campaign(kind, DAMAGES, open);
      assertEquals([corrupt, offline], [0, 0], "the log itself is sound");
      assert(cases >= DAMAGES.length);
    });
  }
}

/** A bit in an index entry that nothing is looked up by does no harm and is not seen; old snapshots are not read. */
const LEAST_WARNED: Record<string, number> = {
  ".index": 4,
  ".timeindex": 4,
  ".txnindex": 1.2,
  ".snapshot": 4,
  "leader-epoch-checkpoint": 1.2,
};

const EVERYWHERE: readonly Damage[] = Array.from({ length: 120 }, (_, i) => ({
  name: `one bit at ${i}/120`,
  apply: (bytes) => flipped(bytes, Math.floor(bytes.length * i / 120), i),
}));

/** Of a whole file. */
const COARSE = DAMAGES.filter(({ name }) => !name.startsWith("one bit"));

Deno.test("whatever bit of a .log file is flipped, the log answers as before or refuses", async () => {
  const { cases, corrupt } = await campaign(".log", EVERYWHERE);
  assertEquals([cases, corrupt], [360, 360]);
});

Deno.test("a .log file that was removed, cut, or swapped with a neighbour's is never served wrongly", async () => {
  const { cases, corrupt } = await campaign(".log", COARSE);
  assert(corrupt >= cases - 1, `${corrupt} of ${cases}`);
});

for (const [start, open] of Object.entries(STARTS)) {
  Deno.test(`whatever bit of a .log file is flipped, a start (${start}) serves what is right or goes offline`, async () => {
    const { cases, warned, corrupt, offline } = await campaign(".log", EVERYWHERE, open);
    assertEquals([cases, warned + offline], [360, 360]);
    assert(corrupt + offline >= 350, `${corrupt} and ${offline}`); // a leader epoch can be put right
  });

  Deno.test(`a .log file that was removed, cut, or swapped is found out by a start (${start})`, async () => {
    const { cases, corrupt, offline } = await campaign(".log", COARSE, open);
    assert(corrupt + offline > cases / 2, `${corrupt} and ${offline} of ${cases}`);
  });
}
