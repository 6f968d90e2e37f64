/**
 * A small log whose files a test may harm, and what a start makes of them: plain or compacted, three segments, batches
 * of two records, so that a wrong offset, epoch or byte shows.
 */
import { randomUuid } from "../bytes/uuid.ts";
import { type TopicConfig, topicConfigDefaults } from "../config/topic_configs.ts";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import type { JournalEntry } from "../storage/durability/journal_entries.ts";
import type { LogContext } from "../storage/log/log_context.ts";
import type { KnownLog } from "../storage/recovery/known_log.ts";
import { createLog, openLog, type OpenReport } from "../storage/log/open_log.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import { segmentName } from "../storage/segments/segment.ts";
import type { Store } from "../storage/store.ts";
import { contextOf as bareContextOf } from "./log_context.ts";
import { readNow } from "./read_now.ts";

export const REF = { topicId: randomUuid(), topic: "t", partition: 0 };

/** Whose syncs are those of a device. */
export function contextOf(store: Store): LogContext {
  return bareContextOf(store, { policy: "fsync" });
}

export const PLAIN: TopicConfig = { ...topicConfigDefaults(), "index.interval.bytes": 100 };
export const COMPACTED: TopicConfig = { ...PLAIN, "cleanup.policy": ["compact"] };

/** Two records of `bytes` bytes each. */
export function twoRecords(bytes = 10, fill = "v", timestampMs = 1000): Uint8Array {
  const value = new TextEncoder().encode(fill.repeat(bytes));
  return buildBatch({ records: [{ timestampMs, value }, { timestampMs: timestampMs + 1, value }] });
}

/** A log of `batches` batches of two records, with a new segment before each of `rolls` and a new epoch at each of `epochs`. */
export async function filledLog(
  options: { batches?: number; rolls?: number[]; epochs?: number[]; store?: MemoryStore } = {},
): Promise<{ store: MemoryStore; log: PartitionLog }> {
  const { batches = 12, rolls = [4, 8], epochs = [0], store = new MemoryStore() } = options;
  const log = createLog(contextOf(store), REF, PLAIN);
  for (let i = 0; i < batches; i++) {
    if (rolls.includes(i)) log.roll();
    if (epochs.includes(i)) await log.lead(epochs.indexOf(i));
    await log.append(twoRecords(10, String.fromCharCode(97 + i % 26)), {
      origin: "client",
      leaderEpoch: log.leaderEpoch,
    }).durable;
  }
  await log.close();
  return { store, log };
}

export const pathOf = (base: number, file = ".log") => `t-0/${segmentName(base)}${file}`;

export async function harm(
  store: Store,
  path: string,
  change: (bytes: Uint8Array) => Uint8Array | void,
): Promise<void> {
  const bytes = store.readAll(path)!.slice();
  await store.replace(path, change(bytes) ?? bytes);
}

/** Opens the log as after an unclean stop, unless the checkpoint says otherwise. */
export function opened(
  store: Store,
  checkpoint: Partial<KnownLog> = {},
  config = PLAIN,
): Promise<OpenReport> {
  return openLog(contextOf(store), REF, config, {
    recoveryPoint: undefined,
    logStartOffset: undefined,
    clean: false,
    journal: [],
    ...checkpoint,
  });
}

/** Every file of the partition's folder, by name. */
export function filesOf(store: Store): Map<string, string> {
  return new Map(
    store.list("t-0").map(({ name }) => [name, store.readAll(`t-0/${name}`)!.toHex()]),
  );
}

/** The log's own files alone. */
export function logsOf(store: Store): Map<string, string> {
  return new Map([...filesOf(store)].filter(([name]) => /^\d{20}\.log/.test(name)));
}

/** Every batch that can be read, as bytes. */
export function batchesOf(log: PartitionLog): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = log.logStartOffset; at < log.logEndOffset;) {
    const bytes = readNow(log, at, { maxBytes: 1 << 20, bound: "leo", minOneBatch: true });
    if (bytes === null) throw new Error(`nothing at ${at} of ${log.logEndOffset}`);
    for (const position of batch.batches(bytes)) {
      found.push(bytes.slice(position, position + batch.sizeInBytes(bytes, position)));
      at = batch.lastOffset(bytes, position) + 1;
    }
  }
  return found;
}

/** A journal entry for a stretch of a segment, as it lies in the store now. */
export function entryOf(
  store: Store,
  base: number,
  { from = 0, to }: { from?: number; to?: number } = {},
): JournalEntry {
  return {
    sequence: 1,
    topicId: REF.topicId,
    folder: "t-0",
    segmentBase: base,
    position: from,
    payload: store.readAll(pathOf(base))!.slice(from, to),
  };
}
