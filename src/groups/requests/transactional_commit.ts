/**
 * Commits of offsets in a transaction: written into the group's partition by the producer itself, so that they come and go
 * with its marker. Who may commit is judged as Kafka judges it (OffsetMetadataManager.commitTransactionalOffset); whether
 * there is such a transaction has been asked before.
 */
import type { TransactionalProducer } from "../../coordination/led_partition.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { GroupCoordinator } from "../coordinator.ts";
import { commitError, decideCommit, type OffsetCommitEvent } from "../offsets/offset_machine.ts";
import { commitAppendError, kept } from "./committing.ts";

export interface TransactionalCommitment extends OffsetCommitEvent {
  readonly groupId: string;
  /** v6+: a group that does not exist, and a stale member epoch, have error codes of their own. */
  readonly knowsGroupErrors: boolean;
  readonly producer: TransactionalProducer;
}

/** An error code for each offset, once what was accepted is kept. */
export function commitInTransaction(
  coordinator: GroupCoordinator,
  commitment: TransactionalCommitment,
): Promise<number[]> {
  const { groupId, offsets, knowsGroupErrors, producer } = commitment;
  const all = (errorCode: number) => Promise.resolve(offsets.map(() => errorCode));
  if (groupId === "") return all(ErrorCode.INVALID_GROUP_ID);
  const partition = coordinator.place(groupId);
  if (typeof partition === "number") return all(partition);
  const { shard } = partition, known = shard.get(groupId);
  const event = { ...commitment, isTransactional: true };
  const refused = commitError(known, event, knowsGroupErrors);
  if (typeof refused === "number" && refused !== ErrorCode.NONE) return all(refused);
  if (known === undefined && coordinator.isFull) return all(ErrorCode.GROUP_MAX_SIZE_REACHED);
  if (!coordinator.hasRoomFor(offsets, known)) return all(ErrorCode.INVALID_COMMIT_OFFSET_SIZE);

  const { wallMs } = coordinator.now();
  const { facts, errorCodes } = decideCommit(event, {
    wallMs,
    maxMetadataLength: coordinator.maxMetadataLength(offsets),
    check: typeof refused === "number" ? undefined : refused,
  });
  if (facts.length === 0) return Promise.resolve(errorCodes);
  const failed = partition.writeInTransaction(groupId, facts, { producer, wallMs });
  if (failed !== ErrorCode.NONE) {
    const errorCode = producerError(failed) ?? commitAppendError(failed);
    return Promise.resolve(errorCodes.map((code) => code === ErrorCode.NONE ? errorCode : code));
  }
  coordinator.metrics.offsetCommits += facts.length;
  return kept(partition, errorCodes, offsets.map(() => ErrorCode.NOT_COORDINATOR));
}

/** What the log has against the producer is the producer's to hear. */
function producerError(errorCode: number): number | null {
  switch (errorCode) {
    case ErrorCode.INVALID_PRODUCER_EPOCH:
    case ErrorCode.INVALID_TXN_STATE:
      return errorCode;
    default:
      return null;
  }
}
