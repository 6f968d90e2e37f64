/**
 * CorruptBatchError: a read met a batch that is not what its checksum or its neighbours say. It never leaves; what
 * lies before and behind it can still be read. Fetch answers 2, CORRUPT_MESSAGE.
 */
export class CorruptBatchError extends Error {
  override readonly name = "CorruptBatchError";

  /** `offset` is where the damage begins: the first offset that cannot be given. */
  constructor(message: string, readonly offset: number) {
    super(message);
  }
}
