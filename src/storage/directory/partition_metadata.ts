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

/** Writes the file as Kafka does, without a newline at the end. It is synced before the folder's name is (below). */
export function putPartitionMetadata(store: Store, folder: string, topicId: Uuid): void {
  const blob = store.open(`${folder}/${PARTITION_METADATA}`);
  try {
    blob.truncate(0);
    blob.append(contentFor(topicId));
  } finally {
    blob.close();
  }
}

/** Whether the folder holds nothing but what putPartitionMetadata() wrote or, on a full disk, began to write. */
export function isBegunFor(store: Store, folder: string, topicId: Uuid): boolean {
  if (store.list(folder).some(({ name }) => name !== PARTITION_METADATA)) return false;
  const bytes = store.readAll(`${folder}/${PARTITION_METADATA}`) ?? new Uint8Array(0);
  const whole = contentFor(topicId);
  return bytes.length <= whole.length && bytes.every((byte, i) => byte === whole[i]);
}

function contentFor(topicId: Uuid): Uint8Array {
  return new TextEncoder().encode(`version: 0\ntopic_id: ${topicId}`);
}

/**
 * fdatasync of the file, if there is one. Before anything in the folder is on the device for good: a folder that does not say
 * whose it is may be taken for that of another topic of its name.
 */
export async function syncPartitionMetadata(store: Store, folder: string): Promise<void> {
  const path = `${folder}/${PARTITION_METADATA}`;
  if (store.readAll(path) === null) return;
  const blob = store.open(path);
  try {
    await blob.sync();
  } finally {
    blob.close();
  }
}
