/**
 * Proves that who reads transactions first after a start has their segment looked through in turns, once for all who read,
 * and that what is missing is found all the same.
 */
import { assert, assertEquals } from "@std/assert";
import { contextOf } from "../../testing/log_context.ts";
import { randomUuid } from "../../bytes/uuid.ts";
import { topicConfigDefaults } from "../../config/topic_configs.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import { CountedTurns } from "../../testing/counted_turns.ts";
import { readNow } from "../../testing/read_now.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { createLog, openLog } from "../log/open_log.ts";
import type { PartitionLog } from "../log/partition_log.ts";
import type { Blob, Store } from "../store.ts";

const REF = { topicId: randomUuid(), topic: "t", partition: 0 };
const INDEX = "t-0/00000000000000000000.txnindex";
const BATCHES = 20;

/** A segment of three megabytes: a transaction that is aborted, one that is committed, and a last one, whose abort is the end. */
async function written(store: Store): Promise<void> {
  const log = createLog(contextOf(store), REF, topicConfigDefaults());
  const append = (bytes: Uint8Array, origin: "client" | "coordinator") =>
    assertEquals(log.append(bytes, { origin, leaderEpoch: 0 }).errorCode, 0);
  for (const [producerId, isCommit] of [[1, false], [2, true], [3, false]] as const) {
    for (let i = 0; i < BATCHES; i++) {
      const records = [{ timestampMs: 1000, value: new Uint8Array(50_000) }];
      const producer = { producerId, producerEpoch: 0, baseSequence: i, isTransactional: true };
      append(buildBatch({ records, ...producer }), "client");
    }
    const ended = { isCommit, coordinatorEpoch: 0, producerId, producerEpoch: 0, timestampMs: 1 };
    append(buildEndTxnBatch(ended), "coordinator");
    await Promise.resolve();
  }
}

async function reopened(store: Store, problems: string[] = []): Promise<PartitionLog> {
  const checkpoint = {
    recoveryPoint: undefined,
    logStartOffset: undefined,
    clean: false,
    journal: [],
  };
  const { log } = await openLog(
    contextOf(store, { onProblem: (event) => problems.push(event) }),
    REF,
    topicConfigDefaults(),
    checkpoint,
  );
  for (const segment of log.segments) {
    segment.areTransactionsChecked = false;
    segment.unload();
  }
  return log;
}

/** A batch that is read there. */
function given(log: PartitionLog, from: number): Uint8Array {
  return readNow(log, from, { maxBytes: 1, bound: "hw", minOneBatch: true })!;
}

function look(log: PartitionLog, from: number, turn: CountedTurns): Promise<void> | null {
  return log.lookForMarkers(from, given(log, from), turn);
}

/** Whose transactions are told to be aborted of what is read there. */
function aborted(log: PartitionLog, from: number): number[] {
  return log.abortedTransactions(from, given(log, from)).map(({ producerId }) => producerId);
}

/** The bytes that are read of the segment while something is done. */
function bytesRead(log: PartitionLog, work: () => void): number {
  const blob: Blob = log.segments[0].log, read = blob.read.bind(blob);
  let bytes = 0;
  blob.read = (position, into) => {
    const count = read(position, into);
    bytes += count;
    return count;
  };
  work();
  blob.read = read;
  return bytes;
}

Deno.test("a segment is looked through in turns, once for all who come, and then read without another look", async () => {
  const store = new MemoryStore();
  await written(store);
  const log = await reopened(store), turn = new CountedTurns(5);
  const first = look(log, 0, turn);
  assert(first !== null && look(log, 30, turn) === first);
  await first;
  assert(turn.turns > 5, `${turn.turns}`);
  assertEquals(look(log, 0, turn), null);
  const bytes = bytesRead(log, () => assertEquals(aborted(log, 0), [1]));
  assert(bytes < 1 << 20, `${bytes} bytes were read`);
  assertEquals([aborted(log, BATCHES + 1), aborted(log, 2 * BATCHES + 2)], [[], [3]]);
  const other = await reopened(store);
  assert(
    bytesRead(other, () => assertEquals(aborted(other, 0), [1])) > 2 << 20,
    "else it takes that",
  );
});

Deno.test("a marker that the index lacks is found by who reads, after a look as without", async () => {
  const store = new MemoryStore();
  await written(store);
  const problems: string[] = [], log = await reopened(store, problems);
  store.open(INDEX).truncate(34);
  await look(log, 0, new CountedTurns(5));
  assertEquals(problems, []);
  assertEquals([aborted(log, 2 * BATCHES + 2), problems], [[3], ["txn_index_rebuilt"]]);
  assertEquals(look(log, 0, new CountedTurns(5)), null);
});

Deno.test("a look ends where its log is closed meanwhile, and says nothing", async () => {
  const store = new MemoryStore();
  await written(store);
  const problems: string[] = [], log = await reopened(store, problems), turn = new CountedTurns(5);
  turn.between = () => log.retire("the test has it no more");
  await look(log, 0, turn);
  assertEquals(turn.turns, 1);
  assertEquals(problems.filter((event) => event === "corrupt_batch"), []);
});

Deno.test("who reads what is no transaction's waits for nothing, whatever else is in the segment", async () => {
  const store = new MemoryStore();
  await written(store);
  const log = await reopened(store);
  const records = [{ timestampMs: 1000, value: new Uint8Array(10) }];
  const plain = buildBatch({ records });
  assertEquals(log.lookForMarkers(0, plain, new CountedTurns(5)), null);
  assert(look(log, 0, new CountedTurns(5)) !== null);
});
