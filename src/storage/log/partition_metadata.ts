/**
 * PartitionMetadata: the file `partition.metadata`, which says what topic a partition's folder belongs to. A topic
 * that was deleted and created again has another id, and must not inherit the folder.
 *
 *     version: 0
 *     topic_id: 3RfaTK0rRomGYOhr6Tx8xw
 */
import { parseUuid, type Uuid } from "../../bytes/uuid.ts";
import type { Store } from "../store.ts";

export const PARTITION_METADATA = "partition.metadata";

/** The topic id, or null when the file is absent or not what it should be. */
export function readPartitionMetadata(store: Store, folder: string): Uuid | null {
  const bytes = store.readAll(`${folder}/${PARTITION_METADATA}`);
  return bytes === null ? null : parsePartitionMetadata(bytes);
}

/** The topic id in the file's content, or null. */
export function parsePartitionMetadata(bytes: Uint8Array): Uuid | null {
  const match = /^version: 0\ntopic_id: (\S+)\s*$/.exec(new TextDecoder().decode(bytes));
  return match === null ? null : parseUuid(match[1]);
}

/** Writes the file as Kafka does, without a newline at the end. Not synced: a start repairs what a crash left. */
export function putPartitionMetadata(store: Store, folder: string, topicId: Uuid): void {
  const blob = store.open(`${folder}/${PARTITION_METADATA}`);
  blob.truncate(0);
  blob.append(new TextEncoder().encode(`version: 0\ntopic_id: ${topicId}`));
  blob.close();
}
