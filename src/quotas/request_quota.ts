/** RequestQuota: what a handler has to know of the quotas of the one who asks. Null in its place: there are none. */
export interface RequestQuota {
  /** Bytes of records that one Fetch may answer: what the quota allows in all windows but the last. */
  readonly maxFetchBytes: number;
  /**
   * Counts what a Fetch is about to answer. Above 0 the client has had too much: the answer leaves without records, and they
   * do not count. A single batch that is larger than the quota could ever allow leaves when its turn has come, and is waited
   * for afterwards: Kafka never lets it go, and its reader asks for ever.
   */
  fetched(bytes: number): number;
  /**
   * Counts partitions that are about to be made or deleted; false where they must not be, as what was taken before is
   * not paid back. Lenient: they may, and the client waits.
   */
  mayChange(partitions: number, isLenient: boolean): boolean;
}
