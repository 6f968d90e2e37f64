/**
 * LocalMarkers: the MarkerWriter over the logs of this node. A marker is a control batch like any other append: it is
 * durable as the flush policy says, and what producer state thinks of it decides (ProducerState.check).
 *
 * The codes, and where they differ from Kafka's:
 *
 * | code | when |
 * |---|---|
 * | 0 | the marker is durable. The same one again, with nothing open, is written again and is 0 too (KAFKA-19999) |
 * | 3 | the catalogue does not know the topic or partition (any more): there is nothing to end |
 * | 6 | the partition is led elsewhere or by nobody, or its log is not taken up yet |
 * | 56 | its log is offline, damaged, or could not be written: nothing is there |
 * | 47 | the producer has gone on: under transaction version 2 also when it has this very epoch and a transaction open |
 * | 52 | a newer coordinator has written; never to the coordinator of this node, as there is none beside it |
 * | 42 | no marker: a negative producer id or epoch, or transaction version |
 *
 * Kafka answers 3 for 6 and 56, and its coordinator then skips the marker for good: a prepared transaction was called
 * complete, and lost, because its partition had no leader for a moment (KAFKA-20734).
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { Clock } from "../clock.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { buildEndTxnBatch } from "../protocol/records/control_record.ts";
import type { MarkerWriter, TransactionMarker } from "../transactions/marker_writer.ts";
import { findLog, findTopic, type PartitionLookup } from "./partitions.ts";

/** Who keeps state in partitions that transactions write to, and lives on what their markers say: groups. */
export interface MarkerListener {
  /**
   * A marker was appended, in this turn. What shows it waits until it is durable; where it could not be written after all,
   * the partition is to be read anew.
   */
  onMarker(topic: string, partition: number, marker: AppendedMarker): void;
}

export interface AppendedMarker {
  readonly producerId: number;
  readonly isCommit: boolean;
  readonly durable: Promise<void>;
}

export interface LocalMarkersOptions extends PartitionLookup {
  readonly clock: Clock;
  readonly listener: MarkerListener;
}

export class LocalMarkers implements MarkerWriter {
  readonly #options: LocalMarkersOptions;

  constructor(options: LocalMarkersOptions) {
    this.#options = options;
  }

  write(topicName: string, partition: number, marker: TransactionMarker): Promise<number> {
    const { clock, listener } = this.#options;
    const { producerId, producerEpoch, isCommit, coordinatorEpoch } = marker;
    const { transactionVersion, isOwnCoordinators } = marker;
    if (producerId < 0 || producerEpoch < 0 || transactionVersion < 0) {
      return Promise.resolve(ErrorCode.INVALID_REQUEST);
    }
    const topic = findTopic(this.#options, topicName, ZERO_UUID);
    if (typeof topic === "number") return Promise.resolve(topic);
    const log = findLog(this.#options, topic, partition);
    if (typeof log === "number") return Promise.resolve(log);
    const timestampMs = clock.nowMs();
    const appended = log.append(
      buildEndTxnBatch({ isCommit, coordinatorEpoch, producerId, producerEpoch, timestampMs }),
      {
        origin: "coordinator",
        leaderEpoch: log.leaderEpoch,
        transactionVersion,
        isOwnCoordinators,
      },
    );
    if (appended.errorCode !== ErrorCode.NONE) return Promise.resolve(appended.errorCode);
    const { durable } = appended;
    listener.onMarker(topicName, partition, { producerId, isCommit, durable });
    return durable.then(() => ErrorCode.NONE, () => ErrorCode.KAFKA_STORAGE_ERROR);
  }
}
