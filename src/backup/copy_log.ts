/**
 * copyPartition, copyMetadata: a held log into the backup, every batch of it checked, up to where the backup ends.
 *
 * | found | means |
 * |---|---|
 * | a gap in a segment that was begun after the files were opened | it was compacted since: another cut |
 * | a held log that ends below the cut | a whole segment was begun and compacted away since: another cut |
 * | a gap in a log that is not compacted and was not | records are missing: damage |
 * | a batch that is not what its checksum or its neighbours say | damage |
 * | a producer snapshot that is not what its checksum says | left out: a start makes it of the log, as the broker would |
 */
import type { Uuid } from "../bytes/uuid.ts";
import * as batch from "../protocol/records/batch.ts";
import { decodeProducerSnapshot } from "../storage/producers/producer_snapshot.ts";
import { StoreError } from "../storage/store.ts";
import type { Copy } from "./copy.ts";
import {
  baseOf,
  contentOf,
  type HeldFile,
  type HeldLog,
  isLog,
  OvertakenError,
} from "./held_log.ts";
import { batchesOf, LogWalk, type Readable, type WalkedSegment } from "./log_walk.ts";
import type { BackedUpLog, BackedUpPartition, BackedUpSegment } from "./manifest.ts";
import { type HeldPartition, METADATA_FOLDER, type Moment } from "./moment.ts";
import type { SourceDirectory, SourceFile } from "./source_directory.ts";

export interface CopyContext {
  readonly source: SourceDirectory;
  readonly copy: Copy;
  readonly allowDamage: boolean;
  readonly warnings: string[];
}

/** Throws OvertakenError when another cut is needed, StoreError for damage that is not allowed. */
export async function copyPartition(
  context: CopyContext,
  { cut, log, mayHaveGaps }: HeldPartition,
): Promise<BackedUpPartition> {
  const { topic, partition, topicId } = cut, { folder } = log;
  await copySmallFiles(context, log, cut);
  const copied = context.copy.files.length;
  let bounds = { startOffset: cut.startOffset, endOffset: cut.endOffset, mayHaveGaps };
  let segments: BackedUpSegment[] = [], walk = new LogWalk(bounds);
  const logs = log.files.filter(({ name }) => isLog(name) && baseOf(name) <= cut.endOffset);
  for (const [i, held] of logs.entries()) {
    const baseOffset = baseOf(held.name);
    const nextBase = logs[i + 1] === undefined ? Infinity : baseOf(logs[i + 1].name);
    if (nextBase <= bounds.startOffset) continue;
    const file = log.open(held);
    if (file === null) {
      // Only noted, and gone. If it was retention that took it, nothing is left below it either.
      const first = await log.firstBase();
      if (first <= baseOffset || first > cut.endOffset) {
        throw new OvertakenError(`${folder}/${held.name} went before it was copied`);
      }
      bounds = { ...bounds, startOffset: Math.max(bounds.startOffset, first) };
      context.copy.files.length = copied;
      [segments, walk] = [[], new LogWalk(bounds)];
      continue;
    }
    using _closing = held.file === null ? file : null;
    const walked = walk.segment(file, baseOffset, nextBase);
    // What is left of a compacted one may lie wholly beyond the cut, which looks like damage.
    if (held.isNew && (walked.gap !== null || walked.damage !== null)) {
      const what = walked.damage?.what ?? `offsets from ${walked.gap?.[0]} on are gone`;
      throw new OvertakenError(`${folder}/${held.name} was begun meanwhile and compacted: ${what}`);
    }
    segments.push(await copySegment(context, { folder, file, walked, mayHaveGaps }));
  }
  checkReached(folder, walk, bounds, segments);
  return { topic, partition, topicId, ...bounds, segments };
}

/** The metadata log, its snapshots, and who voted. */
export async function copyMetadata(
  context: CopyContext,
  { metadataFiles, metadataEndOffset: endOffset }: Moment,
): Promise<BackedUpLog> {
  const folder = METADATA_FOLDER;
  const logs = metadataFiles.filter(({ name }) => isLog(name) && baseOf(name) <= endOffset);
  const others = metadataFiles.filter((file) =>
    !isLog(file.name) && !(isCheckpoint(file) && baseOf(file.name) > endOffset)
  );
  const startOffset = logs.length === 0 ? endOffset : baseOf(logs[0].name);
  const isWhole = startOffset === 0 ||
    others.some((file) => isCheckpoint(file) && baseOf(file.name) >= startOffset);
  if (!isWhole) {
    throw new OvertakenError(`${folder} begins at ${startOffset}, with no snapshot of before`);
  }
  for (const file of others) {
    if (isCheckpoint(file)) checkSnapshot(context, folder, file);
    await context.copy.take({ path: `${folder}/${file.name}`, source: file, bytes: file.size });
  }
  const bounds = { startOffset, endOffset, mayHaveGaps: false };
  const segments: BackedUpSegment[] = [], walk = new LogWalk(bounds);
  for (const [i, file] of logs.entries()) {
    const nextBase = logs[i + 1] === undefined ? Infinity : baseOf(logs[i + 1].name);
    const walked = walk.segment(file, baseOf(file.name), nextBase);
    segments.push(await copySegment(context, { folder, file, walked, mayHaveGaps: false }));
  }
  checkReached(folder, walk, bounds, segments);
  return { ...bounds, segments };
}

/** Everything of a partition but its segments. */
async function copySmallFiles(
  context: CopyContext,
  log: HeldLog,
  { topicId, endOffset }: { topicId: Uuid; endOffset: number },
): Promise<void> {
  const { folder } = log;
  let found: string | undefined;
  for (const held of log.files) {
    const { name } = held, isSnapshot = name.endsWith(".snapshot");
    if (isLog(name) || isSnapshot && baseOf(name) > endOffset) continue;
    const content = held.content ?? contentOfHeld(log, held);
    if (content === null) continue; // a snapshot that is not needed any more
    if (name === "partition.metadata") {
      found = /^topic_id: (\S+)/m.exec(new TextDecoder().decode(content))?.[1];
    }
    const fault = isSnapshot ? decodeProducerSnapshot(content) : null;
    if (typeof fault === "string") {
      context.warnings.push(`${context.source.path}/${folder}/${name} is left out: ${fault}`);
      continue;
    }
    const source = bytesAsFile(content);
    await context.copy.take({ path: `${folder}/${name}`, source, bytes: content.length });
  }
  if (found === topicId) return;
  const what = found === undefined ? "no topic id" : `topic id ${found}`;
  throw new OvertakenError(`${folder} has ${what}, needs ${topicId}`);
}

async function copySegment(
  context: CopyContext,
  { folder, file, walked, mayHaveGaps }: {
    folder: string;
    file: SourceFile;
    walked: WalkedSegment;
    mayHaveGaps: boolean;
  },
): Promise<BackedUpSegment> {
  const path = `${folder}/${file.name}`, { gap, endOffset, batches } = walked;
  const damage = walked.damage ?? (gap === null || mayHaveGaps ? null : {
    position: 0,
    what: `offsets ${gap[0]} to ${gap[1] - 1} are missing, of a log that is not compacted`,
  });
  if (damage !== null) tellDamage(context, path, damage);
  // Of a damaged segment everything is taken: what lies behind the damage cannot be told from what lies beyond the cut.
  const isRaw = walked.damage !== null;
  const bytes = isRaw ? file.size : walked.bytes;
  const sha256 = isRaw ? undefined : walked.sha256;
  await context.copy.take({ path, source: file, bytes, sha256 });
  return { path, baseOffset: baseOf(file.name), endOffset, batches, damage };
}

function tellDamage(
  { source, allowDamage, warnings }: CopyContext,
  path: string,
  { position, what }: { position: number; what: string },
): void {
  const text = `${source.path}/${path} is damaged at position ${position}: ${what}`;
  if (!allowDamage) {
    throw new StoreError(`${text}. --allow-damage copies it as it is`, "io");
  }
  warnings.push(text);
}

/** A log that was compacted to its end reaches as far as its last, empty, segment says. */
function checkReached(
  folder: string,
  walk: LogWalk,
  { startOffset, endOffset }: { startOffset: number; endOffset: number },
  segments: readonly BackedUpSegment[],
): void {
  const last = segments.at(-1);
  if (last?.damage || last?.baseOffset === endOffset) return;
  const reached = walk.reached ?? startOffset;
  if (reached === endOffset) return;
  throw new OvertakenError(`${folder} ends at offset ${reached} in its files, needs ${endOffset}`);
}

/** The metadata as one file: its batches whole, and the last one the footer (KIP-630). */
function checkSnapshot(context: CopyContext, folder: string, file: SourceFile): void {
  let end = 0, isFooter = false;
  for (const [bytes, position] of batchesOf(file)) {
    if (!batch.isIntact(bytes)) break;
    end = position + bytes.length;
    isFooter = position > 0 && batch.isControl(bytes);
  }
  const what = end < file.size ? "what follows is no intact batch" : "it ends without its footer";
  if (end < file.size || !isFooter) {
    tellDamage(context, `${folder}/${file.name}`, { position: end, what });
  }
}

function isCheckpoint({ name }: { name: string }): boolean {
  return name.endsWith(".checkpoint");
}

function contentOfHeld(log: HeldLog, held: HeldFile): Uint8Array | null {
  const file = log.open(held);
  using _closing = held.file === null ? file : null;
  return file && contentOf(file);
}

function bytesAsFile(bytes: Uint8Array): Readable {
  return {
    size: bytes.length,
    read(position, into) {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
  };
}
