/**
 * Leader epochs held against the batches, in a log of three epochs over three segments: every other text that the
 * checkpoint may hold is found, whatever it claims, and what the log began with after its start moved is what Kafka says.
 * Reads find it when no start has looked; a start heals it.
 */
import { assert, assertEquals } from "@std/assert";
import { contextOf } from "../../testing/log_context.ts";
import { randomUuid } from "../../bytes/uuid.ts";
import { topicConfigDefaults } from "../../config/topic_configs.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { formatLines } from "../directory/checkpoints.ts";
import { createLog } from "./open_log.ts";
import type { PartitionLog } from "./partition_log.ts";
import type { LogInventory } from "../directory/inventory.ts";
import {
  afterCrash,
  asRecorded,
  believing,
  closedForRecord,
  withoutRecord,
} from "../../testing/recorded_log.ts";

const REF = { topicId: randomUuid(), topic: "t", partition: 0 };
const PATH = "t-0/leader-epoch-checkpoint";

/** Epoch 2 from 0, 4 from 10, 7 from 20, to 30; a segment ends at 5, 15, 25. */
async function written(store: MemoryStore): Promise<PartitionLog> {
  const log = createLog(contextOf(store), REF, topicConfigDefaults());
  for (let offset = 0; offset < 30; offset++) {
    if (offset % 10 === 0) await log.lead([2, 4, 7][offset / 10]);
    if (offset % 10 === 5) log.roll();
    const bytes = buildBatch({ records: [{ timestampMs: offset, value: new Uint8Array(9) }] });
    assertEquals(
      log.append(bytes, { origin: "client", leaderEpoch: log.leaderEpoch }).errorCode,
      0,
    );
  }
  return log;
}

const pairs = (log: PartitionLog) =>
  log.epochs.entries.map(({ epoch, startOffset }) => [epoch, startOffset]);

/** Closes the log; what was written down of it. */
function recorded(store: MemoryStore, log: PartitionLog): Promise<LogInventory> {
  return closedForRecord(contextOf(store), log);
}

/** Opened by a start that has looked at nothing. */
async function reopened(
  store: MemoryStore,
  record: LogInventory,
  problems: string[],
): Promise<PartitionLog> {
  const { log } = await believing(
    contextOf(store, { onProblem: (event) => problems.push(event) }),
    topicConfigDefaults(),
    record,
  );
  log.leaderEpoch = 7;
  return log;
}

const SOUND = [[2, 0], [4, 10], [7, 20]];

for (
  const claimed of [
    [],
    ["2 0"],
    ["2 0", "4 10"],
    ["4 10", "7 20"],
    ["2 0", "7 20"],
    ["2 0", "4 11", "7 20"],
    ["2 0", "4 9", "7 20"],
    ["2 1", "4 10", "7 20"],
    ["3 0", "4 10", "7 20"],
    ["2 0", "5 10", "7 20"],
    ["2 0", "4 10", "8 20"],
    ["2 0", "4 10", "7 20", "9 25"],
    ["2 0", "4 10", "7 20", "9 31"],
    ["0 0"],
  ]
) {
  Deno.test(`epochs ${JSON.stringify(claimed)} are not what the batches say, and are made anew`, async () => {
    const store = new MemoryStore(), problems: string[] = [];
    const record = await recorded(store, await written(store));
    await store.replace(PATH, formatLines(claimed));
    const log = await reopened(store, record, problems);
    assertEquals(log.epochs.endOffsetFor(4, 30), { epoch: 4, endOffset: 20 });
    assertEquals(pairs(log), SOUND);
    assertEquals(problems, ["leader_epochs_rebuilt"]);
    await log.close();
    assertEquals(store.readAll(PATH), formatLines(["2 0", "4 10", "7 20"]));
  });

  for (const [start, open] of Object.entries({ asRecorded, withoutRecord, afterCrash })) {
    Deno.test(`epochs ${JSON.stringify(claimed)} are healed or found out by a start (${start})`, async () => {
      const store = new MemoryStore(), problems: string[] = [];
      const record = await recorded(store, await written(store));
      await store.replace(PATH, formatLines(claimed));
      const context = contextOf(store, { onProblem: (event) => problems.push(event) });
      const { log, damage, warnings } = await open(context, topicConfigDefaults(), record);
      log.leaderEpoch = 7;
      assertEquals(damage, null);
      assertEquals(pairs(log), SOUND);
      if (open === asRecorded) {
        assert(warnings[0].startsWith("leader-epoch-checkpoint said"), `${warnings}`);
        assertEquals(problems, []);
      }
      await log.close();
      assertEquals(store.readAll(PATH), formatLines(["2 0", "4 10", "7 20"]));
    });
  }
}

Deno.test("sound epochs are believed, one that has no batch yet too", async () => {
  const store = new MemoryStore(), problems: string[] = [];
  const record = await recorded(store, await written(store));
  const log = await reopened(store, record, problems);
  await log.lead(9);
  assertEquals(pairs(log), [...SOUND, [9, 30]]);
  const again = await reopened(store, await recorded(store, log), problems);
  await again.lead(9);
  assertEquals(pairs(again), [...SOUND, [9, 30]]);
  assertEquals(problems, []);
});

Deno.test("a leadership taken up over a damaged checkpoint is kept when that is made anew", async () => {
  const store = new MemoryStore(), problems: string[] = [];
  const record = await recorded(store, await written(store));
  await store.replace(PATH, formatLines(["8 3"]));
  const log = await reopened(store, record, problems);
  await log.lead(9);
  assertEquals(pairs(log), [...SOUND, [9, 30]]);
  assertEquals(problems, ["leader_epochs_rebuilt"]);
});

Deno.test("when the log start moves, the epoch it lies in begins there and earlier ones are gone", async () => {
  const store = new MemoryStore();
  const log = await written(store);
  log.advanceStart(12);
  log.dropBeforeStart(12); // as a checkpoint does
  assertEquals(pairs(log), [[4, 12], [7, 20]]);
  assertEquals(log.epochs.endOffsetFor(2, 30), { epoch: 2, endOffset: 12 });
  const record = await recorded(store, log);
  assertEquals(store.readAll(PATH), formatLines(["4 12", "7 20"]));
  for (const open of [believing, asRecorded, withoutRecord, afterCrash]) {
    const problems: string[] = [],
      context = contextOf(store, { onProblem: (event) => problems.push(event) });
    const report = await open(context, topicConfigDefaults(), record);
    assertEquals(pairs(report.log), [[4, 12], [7, 20]]);
    assertEquals([problems, report.warnings, report.damage], [[], [], null]);
    await report.log.close();
  }
});
