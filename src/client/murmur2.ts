/**
 * murmur2 as Kafka's Java client hashes keys with it (org.apache.kafka.common.utils.Utils), so that a key goes to the
 * same partition whichever client sends it.
 */

/** The hash as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  let hash = SEED ^ bytes.length;
  const whole = bytes.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let k = bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | bytes[i + 3] << 24;
    k = Math.imul(k, FACTOR);
    k ^= k >>> 24;
    hash = Math.imul(hash, FACTOR) ^ Math.imul(k, FACTOR);
  }
  const left = bytes.length - whole;
  if (left > 2) hash ^= bytes[whole + 2] << 16;
  if (left > 1) hash ^= bytes[whole + 1] << 8;
  if (left > 0) hash = Math.imul(hash ^ bytes[whole], FACTOR);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, FACTOR);
  return hash ^ hash >>> 15;
}

/** The partition of a key among `partitions`. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

const SEED = 0x9747b28c | 0;
const FACTOR = 0x5bd1e995;
