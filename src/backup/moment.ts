/**
 * takeMoment: everything that a backup is made of, held, and of one moment.
 *
 * 1. The broker lists its topics. 2. The files of all partitions are opened. 3. ListOffsets: the cut. 4. The end of the
 * metadata log is asked for, and its files opened. 5. The topics are listed again: if a topic was made or deleted since 1,
 * the metadata would speak of other topics than the cut, and all begins anew. 6. What came to be in the files between 2
 * and the cut is opened.
 *
 * From then on the broker may compact, trim, delete and create as it likes. The metadata log is the last in time, so no
 * topic id or producer id of the cut is unknown to it; configs are those of 4, which is milliseconds after the cut.
 */
import type { Connection } from "../client/connection.ts";
import {
  CLEANER_CHECKPOINT,
  parseCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
} from "../storage/directory/checkpoints.ts";
import {
  compactedTopics,
  metadataEndOf,
  offlineAmong,
  type PartitionCut,
  partitionsOf,
  takeCut,
} from "./cut.ts";
import type { NamedPartition, Partitions } from "./cut.ts";
import { HeldLog, OvertakenError } from "./held_log.ts";
import type { LeftOutPartition } from "./manifest.ts";
import type { SourceDirectory, SourceFile } from "./source_directory.ts";

export interface HeldPartition {
  readonly cut: PartitionCut;
  readonly log: HeldLog;
  /** Whether compaction may have taken records out: it may now, or has done so. */
  readonly mayHaveGaps: boolean;
}

export interface Moment extends Disposable {
  readonly clusterId: string;
  /** ISO 8601, of the cut. */
  readonly takenAt: string;
  readonly partitions: readonly HeldPartition[];
  /** Those that the broker cannot read, so that nothing of them is held. */
  readonly leftOut: readonly LeftOutPartition[];
  readonly metadataEndOffset: number;
  /** The files of the metadata log, and of the root. */
  readonly metadataFiles: readonly SourceFile[];
  readonly rootFiles: readonly SourceFile[];
}

export const METADATA_FOLDER = "__cluster_metadata-0";

/** Throws OvertakenError when topics came or went meanwhile. */
export async function takeMoment(
  connection: Connection,
  source: SourceDirectory,
): Promise<Moment> {
  using open = new DisposableStack();
  const listed = await partitionsOf(connection);
  const before = await compactedLogs(connection, source, listed);
  // The small files first, and what may be compacted: these need their descriptors most.
  const rootFiles = await source.open("", (name) => ROOT_FILES.test(name), true);
  for (const file of rootFiles) open.use(file);
  const ordered = listed.partitions.toSorted((a, b) =>
    Number(before.has(b)) - Number(before.has(a))
  );
  const logs = new Map<NamedPartition, HeldLog>();
  // Their files may be what cannot be read, so these are not even tried.
  const offline = new Set(await offlineAmong(connection, listed));
  for (const one of ordered) {
    if (!offline.has(one)) logs.set(one, open.use(await HeldLog.take(source, one)));
  }
  const cut = await takeCut(connection, listed);
  const takenAt = new Date().toISOString();
  const metadataEndOffset = await metadataEndOf(connection);
  const metadataFiles = await source.open(
    METADATA_FOLDER,
    (name) => METADATA_FILES.test(name),
    true,
  );
  for (const file of metadataFiles) open.use(file);
  const change = changeBetween(listed, await partitionsOf(connection));
  if (change !== null) throw new OvertakenError(change);
  // Again, for a topic may have become one of those, and its logs compacted, before its files were opened.
  const after = await compactedLogs(connection, source, listed);
  const cuts = new Map(cut.partitions.map((one) => [`${one.topic}-${one.partition}`, one]));
  for (const one of cut.offline) offline.add(one);
  const partitions: HeldPartition[] = [];
  for (const one of listed.partitions) {
    if (offline.has(one)) continue;
    const log = logs.get(one)!, found = cuts.get(log.folder);
    if (found === undefined) throw new OvertakenError(`${log.folder} came or went meanwhile`);
    await log.complete(found.endOffset);
    partitions.push({ cut: found, log, mayHaveGaps: before.has(one) || after.has(one) });
  }
  const synced = offline.size === 0
    ? new Map<string, number>()
    : await offsetsIn(source, RECOVERY_POINT_CHECKPOINT);
  const leftOut = [...offline].map((one) => ({
    ...one,
    syncedTo: Math.max(1, synced.get(`${one.topic}-${one.partition}`) ?? 0),
  }));
  const held = open.move();
  return {
    clusterId: listed.clusterId,
    takenAt,
    partitions,
    leftOut,
    metadataEndOffset,
    metadataFiles,
    rootFiles,
    [Symbol.dispose]: () => held.dispose(),
  };
}

/** Those that may have been compacted: their topic says so now, or the cleaner has been there. */
async function compactedLogs(
  connection: Connection,
  source: SourceDirectory,
  { partitions }: Partitions,
): Promise<Set<NamedPartition>> {
  const topics = [...new Set(partitions.map(({ topic }) => topic))];
  const compacted = await compactedTopics(connection, topics);
  // Compacted at one time, whatever their topics' configs say now.
  const cleaned = await offsetsIn(source, CLEANER_CHECKPOINT);
  return new Set(
    partitions.filter(({ topic, partition }) =>
      compacted.has(topic) || cleaned.has(`${topic}-${partition}`)
    ),
  );
}

/** What one of Kafka's checkpoints says, by folder. */
async function offsetsIn(
  source: SourceDirectory,
  checkpoint: string,
): Promise<Map<string, number>> {
  const [file] = await source.open("", (name) => name === checkpoint, true);
  if (file === undefined) return new Map();
  const bytes = new Uint8Array(file.size);
  const read = file.read(0, bytes);
  file[Symbol.dispose]();
  const entries = parseCheckpoint(new TextDecoder().decode(bytes.subarray(0, read)));
  if (typeof entries === "string") return new Map(); // the broker does without it too
  return new Map(
    entries.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]),
  );
}

/** What differs, for people; null when nothing does. */
function changeBetween(before: Partitions, after: Partitions): string | null {
  const keyOf = ({ topic, partition, topicId }: NamedPartition) =>
    `${topic}-${partition} (topic id ${topicId})`;
  const [old, now] = [before, after].map(({ partitions }) => new Set(partitions.map(keyOf)));
  const gone = old.difference(now), came = now.difference(old);
  if (gone.size + came.size === 0) return null;
  const [one] = [...gone, ...came];
  return `${one} ${gone.has(one) ? "went" : "came"} while the files were opened`;
}

const METADATA_FILES =
  /^(\d{20}\.log|\d{20}-\d{10}\.checkpoint|quorum-state|leader-epoch-checkpoint|partition\.metadata)$/;
const ROOT_FILES = /^(meta\.properties|bootstrap\.checkpoint)$/;
