/**
 * verifyBackup: whether a backup is whole. Not only are its files what they were: the batches in them are read, as they
 * were when they were copied, and must show what the manifest says of each partition: every offset from its log start to
 * the cut, or, where compaction may have taken records out, as many batches, ending where they did.
 */
import * as batch from "../protocol/records/batch.ts";
import { type Blob, type Store, StoreError } from "../storage/store.ts";
import { batchesOf, LogWalk, sha256Of } from "./log_walk.ts";
import {
  type BackedUpFile,
  type BackedUpLog,
  type Manifest,
  needManifest,
  storedPath,
} from "./manifest.ts";

/** What is wrong with a backup, a sentence each; [] when it can be restored. */
export function verifyBackup(store: Store): string[] {
  const manifest = needManifest(store);
  const problems: string[] = [];
  for (const file of manifest.files) {
    const problem = checkFile(store, file);
    if (problem !== null) problems.push(problem);
  }
  if (problems.length > 0) return problems;
  if (manifest.version === 1) return checkEnds(store, manifest);
  return [...checkLogs(store, manifest), ...leftOutOf(manifest)];
}

/** Open for reading, and as large as it should be. */
export function openStored(store: Store, file: BackedUpFile): Blob {
  const path = storedPath(file);
  const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  const isThere = store.list(folder).some(({ name }) => path === (folder && `${folder}/`) + name);
  if (!isThere) throw new StoreError(`${store.name}/${path} is missing`, "absent");
  const blob = store.open(path);
  if (blob.size === file.bytes) return blob;
  blob.close();
  const found = `${store.name}/${path} is ${blob.size} bytes`;
  throw new StoreError(`${found}, needs ${file.bytes}`, "io");
}

function checkFile(store: Store, file: BackedUpFile): string | null {
  let found: string;
  try {
    const blob = openStored(store, file);
    try {
      found = sha256Of(blob, blob.size);
    } finally {
      blob.close();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return error.message;
  }
  return found === file.sha256
    ? null
    : `${store.name}/${storedPath(file)} has SHA-256 ${found}, needs ${file.sha256}`;
}

function* leftOutOf({ leftOut = [] }: Manifest): Generator<string> {
  for (const { topic, partition } of leftOut) {
    yield `${topic}-${partition} was offline when the backup was made: nothing of it is there`;
  }
}

function checkLogs(store: Store, manifest: Manifest): string[] {
  const problems: string[] = [], files = new Map(manifest.files.map((file) => [file.path, file]));
  const logs = new Map<string, BackedUpLog>([["__cluster_metadata-0", manifest.metadata]]);
  for (const one of manifest.partitions) {
    const folder = `${one.topic}-${one.partition}`;
    logs.set(folder, one);
    problems.push(...checkTopicId(store, files.get(`${folder}/partition.metadata`), {
      folder,
      topicId: one.topicId,
    }));
  }
  if (!files.has("meta.properties")) problems.push("meta.properties is not in the backup");
  const named = new Set<string>();
  for (const [folder, log] of logs) {
    for (const { path } of log.segments) named.add(path);
    problems.push(...checkLog(store, folder, log, files));
  }
  for (const { path } of manifest.files) {
    if (path.endsWith(".log") && !named.has(path)) problems.push(`${path} belongs to no partition`);
  }
  return problems;
}

function checkTopicId(
  store: Store,
  file: BackedUpFile | undefined,
  { folder, topicId }: { folder: string; topicId: string },
): string[] {
  const bytes = file && store.readAll(storedPath(file));
  const found = /^topic_id: (\S+)/m.exec(new TextDecoder().decode(bytes ?? new Uint8Array()))?.[1];
  return found === topicId ? [] : [`${folder} has topic id ${found ?? "(none)"}, needs ${topicId}`];
}

function checkLog(
  store: Store,
  folder: string,
  log: BackedUpLog,
  files: ReadonlyMap<string, BackedUpFile>,
): string[] {
  const { segments, startOffset, endOffset, mayHaveGaps } = log, problems: string[] = [];
  const walk = new LogWalk(log);
  for (const [i, segment] of segments.entries()) {
    const file = files.get(segment.path);
    if (file === undefined) {
      problems.push(`${segment.path} is not in the backup`);
      continue;
    }
    const where = `${store.name}/${storedPath(file)}`;
    const blob = openStored(store, file);
    const found = walk.segment(blob, segment.baseOffset, segments[i + 1]?.baseOffset ?? Infinity);
    blob.close();
    const damage = found.damage ?? segment.damage;
    if (damage !== null) {
      const since = segment.damage === null ? "" : ", and was when it was copied";
      problems.push(`${where} is damaged at position ${damage.position}: ${damage.what}${since}`);
    } else if (found.gap !== null && !mayHaveGaps) {
      problems.push(`${where}: offsets ${found.gap[0]} to ${found.gap[1] - 1} are missing`);
    }
    if (found.batches !== segment.batches || found.endOffset !== segment.endOffset) {
      problems.push(
        `${where} has ${found.batches} batches to offset ${found.endOffset}, needs ${segment.batches} to ${segment.endOffset}`,
      );
    }
  }
  const last = segments.at(-1), reached = walk.reached ?? startOffset;
  if (reached !== endOffset && last?.baseOffset !== endOffset && !last?.damage) {
    problems.push(`${folder} ends at offset ${reached} in the backup, needs ${endOffset}`);
  }
  return problems;
}

/** All that a manifest of version 1 allows to check: batches are intact, and a partition's last ends at its cut. */
function checkEnds(store: Store, manifest: Manifest): string[] {
  const problems: string[] = [], last = new Map<string, { path: string; end: number }>();
  for (const file of manifest.files) {
    const folder = /^(.+)\/\d{20}\.log$/.exec(file.path)?.[1];
    if (folder === undefined) continue;
    const log = openStored(store, file);
    let bytes = 0, end = -1;
    for (const [found, position] of batchesOf(log)) {
      if (!batch.isIntact(found)) break;
      [bytes, end] = [position + found.length, batch.lastOffset(found) + 1];
    }
    log.close();
    if (bytes < file.bytes) {
      problems.push(`${store.name}/${storedPath(file)} has a damaged batch at ${bytes}`);
    }
    if ((last.get(folder)?.path ?? "") < file.path) last.set(folder, { path: file.path, end });
  }
  for (const { topic, partition, startOffset, endOffset } of manifest.partitions) {
    const end = last.get(`${topic}-${partition}`)?.end ?? -1;
    if (startOffset === endOffset || end === endOffset) continue;
    problems.push(`${topic}-${partition} ends at offset ${end} in the backup, needs ${endOffset}`);
  }
  return problems;
}
