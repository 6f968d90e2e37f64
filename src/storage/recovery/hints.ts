/** What is wrong with the files of a partition that its log can do without: a start builds them anew. Reads only. */
import { readInt32, readInt64 } from "../../bytes/int64.ts";
import { LeaderEpochs } from "../directory/leader_epochs.ts";
import { readPartitionMetadata } from "../directory/partition_metadata.ts";
import { segmentName } from "../segments/segment.ts";
import { beyondAnyOffset, parseSegmentFile } from "../segments/segment_files.ts";
import { decodeProducerSnapshot } from "../producers/producer_snapshot.ts";
import type { Store } from "../store.ts";
import type { Finding } from "./verify.ts";

/** What is wrong with the files that the log can do without. */
export function hints(store: Store, folder: string): Finding[] {
  const findings: Finding[] = [];
  const hint = (name: string, problem: string) =>
    findings.push({ kind: "hint", file: `${folder}/${name}`, problem });
  const all = new Set(store.list(folder).map(({ name }) => name));
  for (const name of beyondAnyOffset([...all])) {
    const problem = `is put aside at a start: no offset is above ${Number.MAX_SAFE_INTEGER}`;
    findings.push({ kind: "stray", file: `${folder}/${name}`, problem });
  }
  for (const name of all) {
    const parsed = parseSegmentFile(name);
    if (parsed === null) continue;
    const { file, suffix, baseOffset } = parsed;
    const log = `${segmentName(baseOffset)}.log`;
    if (suffix !== "") hint(name, "is left over from a compaction or a removal");
    else if (file === ".snapshot") {
      const decoded = decodeProducerSnapshot(store.readAll(`${folder}/${name}`)!);
      if (typeof decoded === "string") hint(name, decoded);
    } else if (file === ".index" || file === ".timeindex") {
      if (!all.has(log)) hint(name, `belongs to no ${log}`);
      const bytes = store.readAll(`${folder}/${name}`)!;
      const problem = file === ".index"
        ? offsetIndexProblem(bytes, all.has(log) ? sizeOf(store, `${folder}/${log}`) : 0)
        : timeIndexProblem(bytes);
      if (problem !== null) hint(name, problem);
    }
  }
  if (readPartitionMetadata(store, folder) === null) {
    hint("partition.metadata", "is missing or does not name a topic id");
  }
  const { damage } = LeaderEpochs.load(store, folder);
  if (damage !== null) hint("leader-epoch-checkpoint", damage);
  return findings;
}

function offsetIndexProblem(bytes: Uint8Array, logBytes: number): string | null {
  if (bytes.length % 8 !== 0) return `it has ${bytes.length} bytes, needs a multiple of 8`;
  for (let at = 0, before = -1; at < bytes.length; at += 8) {
    const relative = readInt32(bytes, at), position = readInt32(bytes, at + 4);
    if (relative === 0 && position === 0) return null; // what Kafka preallocated
    if (relative <= before) return `entry ${at / 8} does not ascend`;
    if (position >= logBytes) {
      return `entry ${at / 8} points at ${position}, past the log's ${logBytes} bytes`;
    }
    before = relative;
  }
  return null;
}

function timeIndexProblem(bytes: Uint8Array): string | null {
  if (bytes.length % 12 !== 0) return `it has ${bytes.length} bytes, needs a multiple of 12`;
  for (let at = 0, before = -1; at < bytes.length; at += 12) {
    const timestampMs = readInt64(bytes, at);
    if (timestampMs === 0 && readInt32(bytes, at + 8) === 0) return null; // what Kafka preallocated
    if (timestampMs < before) return `entry ${at / 12} does not ascend`;
    before = timestampMs;
  }
  return null;
}

/** Of a blob that is there. */
function sizeOf(store: Store, path: string): number {
  const blob = store.open(path);
  const { size } = blob;
  blob.close();
  return size;
}
