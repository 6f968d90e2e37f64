/**
 * TxnOffsetCommit 0–6: commits a group's offsets in a transaction; answered when the log has kept them. They count, and are
 * shown, from the transaction's commit on; until then OffsetFetch with require_stable is answered 88.
 *
 * Versions: 2 leader epochs · 3 names the member, so that a zombie is refused (KIP-447) · 4 knows 120 · 5 adds the group to
 * the transaction by itself (KIP-890); before, AddOffsetsToTxn has done so · 6 topics by id, and 69 for a group that does
 * not exist, 113 for a stale member epoch, where it was 22.
 *
 * Codes of the transaction coordinator are passed on, but for those that older clients do not understand:
 *
 * | code | becomes |
 * |---|---|
 * | 90 (PRODUCER_FENCED) | 47: producers expect that here |
 * | 120 (TRANSACTION_ABORTABLE) | 48 before version 4 |
 * | 14 (COORDINATOR_LOAD_IN_PROGRESS) | 15 before version 2, whose Java client failed on 14 (KAFKA-7296) |
 *
 * An empty group id is 24. Where no offset is of a partition that exists, nobody is asked.
 */
import { commitInTransaction } from "../groups/requests/transactional_commit.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { TxnOffsetCommit } from "../protocol/messages/txn_offset_commit.ts";
import type { Decoded } from "../protocol/schema.ts";
import type { OffsetToCommit } from "../groups/offsets/offset_machine.ts";
import { type Handler, handler } from "./handler.ts";
import type { OffsetAdmission } from "./offset_admission.ts";
import type { OffsetServices } from "./offset_commit.ts";
import { offsetsToCommit } from "./offsets_to_commit.ts";

export interface TxnOffsetCommitServices extends OffsetServices {
  readonly admission: OffsetAdmission;
}

export function txnOffsetCommit(services: TxnOffsetCommitServices): Handler {
  return handler(TxnOffsetCommit, { min: 0, max: 6 }, async (request, { apiVersion }) => {
    const { offsets, answer } = offsetsToCommit(
      services.catalogue,
      request.topics,
      apiVersion >= KNOWS_GROUP_ERRORS,
    );
    if (offsets.length === 0) return { topics: answer([]) };
    const errorCodes = await commit(services, request, { apiVersion, offsets });
    return { topics: answer(errorCodes.map((errorCode) => known(errorCode, apiVersion))) };
  });
}

const KNOWS_GROUP_ERRORS = 6, KNOWS_ABORTABLE = 4, KNOWS_LOADING = 2;

async function commit(
  { groups, admission }: TxnOffsetCommitServices,
  request: Decoded<typeof TxnOffsetCommit["request"]>,
  { apiVersion, offsets }: {
    readonly apiVersion: number;
    readonly offsets: readonly OffsetToCommit[];
  },
): Promise<number[]> {
  const { transactionalId, groupId, producerId, producerEpoch } = request;
  const all = (errorCode: number) => offsets.map(() => errorCode);
  if (groupId === "") return all(ErrorCode.INVALID_GROUP_ID);
  const place = groups.place(groupId);
  if (typeof place === "number") return all(place);
  const claim = { transactionalId, producerId, producerEpoch, partition: place.index, apiVersion };
  const { errorCode, verification } = await admission.admit(claim);
  if (errorCode !== ErrorCode.NONE) return all(errorCode);
  return await commitInTransaction(groups, {
    groupId,
    generation: request.generationIdOrMemberEpoch,
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    retentionTimeMs: -1,
    knowsGroupErrors: apiVersion >= KNOWS_GROUP_ERRORS,
    producer: { producerId, producerEpoch, verification },
    offsets,
  });
}

/** The code in words that clients of this version, which look for a group's coordinator, understand. */
function known(errorCode: number, apiVersion: number): number {
  switch (errorCode) {
    case ErrorCode.PRODUCER_FENCED:
      return ErrorCode.INVALID_PRODUCER_EPOCH;
    case ErrorCode.TRANSACTION_ABORTABLE:
      return apiVersion < KNOWS_ABORTABLE ? ErrorCode.INVALID_TXN_STATE : errorCode;
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return apiVersion < KNOWS_LOADING ? ErrorCode.COORDINATOR_NOT_AVAILABLE : errorCode;
    case ErrorCode.NETWORK_EXCEPTION:
      return apiVersion < KNOWS_LOADING
        ? ErrorCode.COORDINATOR_NOT_AVAILABLE
        : ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    default:
      return errorCode;
  }
}
