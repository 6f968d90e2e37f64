/**
 * InitProducerId 0–5: a producer id and epoch for an idempotent or transactional producer.
 *
 * Without a transactional id every call gets a new id with epoch 0, also one that names the id it had: such a producer
 * starts anew after a fatal error. Ids are never given out twice, over crashes too (topics/producer_ids.ts). Where no
 * block of ids can be written down it is 14, which clients retry, as Kafka's ProducerIdManager answers while it has none.
 *
 * With one, the coordinator decides: who had the transactional id before is fenced, and what that one left open is aborted
 * first (51 meanwhile). A timeout of 0, or beyond transaction.max.timeout.ms, is 50; an empty id, or only one of id and epoch, 42.
 *
 * Versions: 3 carries the id and epoch the producer has · 4 PRODUCER_FENCED (90), 47 before · 6, of two-phase commit (KIP-939),
 * is unstable in Kafka 4.4, which closes the connection of whoever comes with it, and so does this.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import type { TransactionCoordinator } from "../transactions/coordinator.ts";
import { type Handler, handler } from "./handler.ts";
import { fencedFor } from "./transaction_answers.ts";

export interface InitProducerIdServices {
  readonly transactions: TransactionCoordinator;
  /** null when there is none for now. */
  readonly newProducerId: () => Promise<number | null>;
}

export function initProducerId({ transactions, newProducerId }: InitProducerIdServices): Handler {
  return handler(InitProducerId, { min: 0, max: 5 }, async (request, context) => {
    const { apiVersion } = context;
    const { transactionalId, producerId, producerEpoch } = request;
    const isHalf = (producerId === NONE) !== (producerEpoch === NONE);
    if (isHalf) return refused(ErrorCode.INVALID_REQUEST);
    if (transactionalId !== null) {
      const reply = await transactions.initProducerId({
        transactionalId,
        timeoutMs: request.transactionTimeoutMs,
        expected: producerId === NONE ? null : { producerId, producerEpoch },
      });
      return {
        errorCode: fencedFor(apiVersion, 4, reply.errorCode),
        producerId: reply.producerId,
        producerEpoch: reply.producerEpoch,
      };
    }
    const id = await newProducerId();
    if (id === null) return refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    return { errorCode: ErrorCode.NONE, producerId: id, producerEpoch: 0 };
  });
}

const NONE = -1;

function refused(errorCode: number) {
  return { errorCode, producerId: NONE, producerEpoch: NONE };
}
