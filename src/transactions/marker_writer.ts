/**
 * MarkerWriter: how the transaction coordinator has a partition told that a transaction of a producer ended in it
 * (WriteTxnMarkers). On one node the partition is written to directly.
 */
export interface MarkerWriter {
  /**
   * Resolves with 0 once the marker is durable in the partition; with 3 when the topic or partition does not exist (any
   * more), 56 when it is offline, 6 when it is led elsewhere, 47 when the producer has gone on, 52 when a newer
   * coordinator has written. A marker that is there already (same epoch, nothing open) is 0. Does not reject.
   */
  write(topic: string, partition: number, marker: TransactionMarker): Promise<number>;
}

export interface TransactionMarker {
  readonly producerId: number;
  /** Under transaction.version 2 one more than the transaction's own. */
  readonly producerEpoch: number;
  readonly isCommit: boolean;
  /** Leader epoch of the coordinator's partition. */
  readonly coordinatorEpoch: number;
  /**
   * Whether this node's own coordinator sends it. There is none beside it, so it is never taken for an older one: a marker
   * that an operator wrote with a higher epoch would leave its transactions prepared for ever. (In Kafka until restarts
   * have raised the coordinator's epoch.)
   */
  readonly isOwnCoordinators?: boolean;
  /** 0, 1 or 2, of the transaction's client (KIP-1228). */
  readonly transactionVersion: number;
}
