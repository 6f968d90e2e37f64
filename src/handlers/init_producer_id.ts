/**
 * InitProducerId 0–6: a producer id and epoch for an idempotent producer.
 *
 * Every call gets a new id with epoch 0, also one that names the id it had: a producer without transactions starts
 * anew after a fatal error. Only one of id and epoch is 42, and so is an empty transactional id. Ids are never given
 * out twice, over crashes too (topics/producer_ids.ts). Where no block of ids can be written down it is 14, which clients
 * retry, as Kafka's ProducerIdManager answers while it has none.
 *
 * Versions: 3 carries the id and epoch the producer has · 6 two-phase commit (KIP-939), which needs a transaction.
 * Left out for now: transactions. A transactional id is answered as by a Kafka that has no coordinator yet (15), which
 * clients retry.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import type { ProducerIds } from "../topics/producer_ids.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

export function initProducerId({ ids }: { readonly ids: ProducerIds }): Handler {
  return handler(InitProducerId, { min: 0, max: 6 }, async (request) => {
    const { transactionalId, producerId, producerEpoch, enable2Pc, keepPreparedTxn } = request;
    const isHalf = (producerId === NONE) !== (producerEpoch === NONE);
    if (transactionalId === "" || isHalf) return refused(ErrorCode.INVALID_REQUEST);
    if (transactionalId !== null) return refused(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (enable2Pc || keepPreparedTxn) return refused(ErrorCode.INVALID_REQUEST);
    const id = await orNotWritten<number>(Promise.resolve(ids.next()), () => NONE);
    if (id === NONE) return refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    return { errorCode: ErrorCode.NONE, producerId: id, producerEpoch: 0 };
  });
}

const NONE = -1;

function refused(errorCode: number) {
  return { errorCode, producerId: NONE, producerEpoch: NONE };
}
