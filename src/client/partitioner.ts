/** Partitioner: which partition of a topic a record goes to. */

/**
 * One of 0 to `partitionCount` - 1; undefined leaves it to the default, which is Kafka's: by the key's murmur2 hash, and
 * batch by batch to any where there is no key. Called once for each record that names no partition itself.
 */
export type Partitioner = (
  topic: string,
  record: {
    readonly key?: Uint8Array | null;
    readonly value?: Uint8Array | null;
    readonly timestampMs: number;
  },
  partitionCount: number,
) => number | undefined;
