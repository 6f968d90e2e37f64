/**
 * In which partition of a coordinator's topic a key lives: a group in `__consumer_offsets`, a transactional id in
 * `__transaction_state`, a share partition in `__share_group_state`. Kafka reads the same directory, so it must not
 * depend on the broker's language (Kafka: Utils.abs(key.hashCode()) % partitions, in GroupCoordinatorService,
 * TransactionStateManager and ShareCoordinatorService).
 */
export function coordinatorPartition(key: string, partitionCount: number): number {
  return javaAbs(javaHashCode(key)) % partitionCount;
}

/** Java's String.hashCode: over UTF-16 units, as 32 bits with a sign. */
export function javaHashCode(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash, 31) + text.charCodeAt(i) | 0;
  return hash;
}

/** Kafka's Utils.abs: the least int, which has no positive counterpart, becomes 0. */
function javaAbs(value: number): number {
  return value === -0x80000000 ? 0 : Math.abs(value);
}
