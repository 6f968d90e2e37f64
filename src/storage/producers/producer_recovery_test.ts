/**
 * Producer state after a restart: a retry of any of a producer's last five batches gets its first offset, whether they
 * lie before the newest snapshot, behind it or on both sides; older ones and gaps are refused.
 */
import { assertEquals } from "@std/assert";
import { BufferPool } from "../../bytes/pool.ts";
import { randomUuid } from "../../bytes/uuid.ts";
import { FakeClock } from "../../clock.ts";
import { topicConfigDefaults } from "../../config/topic_configs.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { GroupCommit } from "../durability/group_commit.ts";
import type { LogContext } from "../log/log_context.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { createLog, openLog } from "../log/open_log.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import { DEFAULT_PRODUCER_LIMITS } from "./producer_state.ts";

const REF = { topicId: randomUuid(), topic: "t", partition: 0 };

function contextOf(store: MemoryStore): LogContext {
  return {
    store,
    clock: new FakeClock(),
    pool: new BufferPool({ keepBytes: 0 }),
    producers: DEFAULT_PRODUCER_LIMITS,
    commit: new GroupCommit({ policy: "os", intervalMs: 0, journal: null, onFailure: () => {} }),
    onProblem: () => {},
  };
}

/** Sends batch `n` of producer 7, two records each; the offset or the error code. */
async function send(log: PartitionLog, n: number): Promise<{ offset: number; code: number }> {
  const record = { timestampMs: new FakeClock().nowMs(), value: new Uint8Array(20) };
  const batch = buildBatch({
    records: [record, record],
    producerId: 7,
    producerEpoch: 0,
    baseSequence: 2 * n,
  });
  const { errorCode, baseOffset, durable } = log.append(batch, {
    origin: "client",
    leaderEpoch: 0,
  });
  await durable;
  return { offset: baseOffset, code: errorCode };
}

/** Eight batches with a new segment, and so a snapshot, before the `rollBefore`th. */
async function afterRestart(rollBefore: number, isClean: boolean): Promise<PartitionLog> {
  const store = new MemoryStore();
  const config = { ...topicConfigDefaults(), "index.interval.bytes": 100 };
  const log = createLog(contextOf(store), REF, config);
  await log.lead(0);
  for (let n = 0; n < 8; n++) {
    if (n === rollBefore) log.roll();
    await send(log, n);
  }
  await (isClean ? log.close() : log.sync());
  const opened = await openLog(contextOf(store), REF, config, {
    recoveryPoint: isClean ? 16 : 0,
    logStartOffset: undefined,
    clean: isClean,
    journal: [],
  });
  await opened.log.lead(0);
  return opened.log;
}

for (const isClean of [true, false]) {
  Deno.test(`the last five batches are known after ${isClean ? "a clean stop" : "a crash"}`, async () => {
    for (const rollBefore of [1, 4, 6, 7]) {
      const log = await afterRestart(rollBefore, isClean);
      for (const n of [3, 4, 5, 6, 7]) {
        assertEquals(
          await send(log, n),
          { offset: 2 * n, code: 0 },
          `batch ${n}, snapshot before ${rollBefore}`,
        );
      }
      const refused = { offset: -1, code: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER };
      assertEquals(await send(log, 2), refused);
      assertEquals(await send(log, 9), refused);
      assertEquals(await send(log, 8), { offset: 16, code: 0 });
      assertEquals(await send(log, 4), { offset: 8, code: 0 });
    }
  });
}
