/**
 * InitProducerId 0–6: a producer id and epoch for an idempotent producer.
 *
 * Every call gets a new id with epoch 0, also one that names the id it had: a producer without transactions starts
 * anew after a fatal error. Only one of id and epoch is 42, and so is an empty transactional id. Ids are never given
 * out twice, over crashes too (topics/producer_ids.ts).
 *
 * Versions: 3 carries the id and epoch the producer has · 6 two-phase commit (KIP-939), which needs a transaction.
 * Left out for now: transactions. A transactional id is answered as by a Kafka that has no coordinator yet (15), which
 * clients retry.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import type { ProducerIds } from "../topics/producer_ids.ts";
import { type Handler, handler } from "./handler.ts";

export function initProducerId({ ids }: { readonly ids: ProducerIds }): Handler {
  return handler(InitProducerId, { min: 0, max: 6 }, async (request) => {
    const { transactionalId, producerId, producerEpoch, enable2Pc, keepPreparedTxn } = request;
    const isHalf = (producerId === NONE) !== (producerEpoch === NONE);
    if (transactionalId === "" || isHalf) return refused(ErrorCode.INVALID_REQUEST);
    if (transactionalId !== null) return refused(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (enable2Pc || keepPreparedTxn) return refused(ErrorCode.INVALID_REQUEST);
    return { errorCode: ErrorCode.NONE, producerId: await ids.next(), producerEpoch: 0 };
  });
}

const NONE = -1;

function refused(errorCode: number) {
  return { errorCode, producerId: NONE, producerEpoch: NONE };
}
