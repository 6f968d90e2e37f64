/**
 * InitProducerId on a transactional id: whoever asks has it from now on, and everyone before is fenced.
 *
 * | state | answer |
 * |---|---|
 * | prepared | 51, until its markers are written; judged before anything else |
 * | Ongoing | it is aborted with its epoch fenced, and 51: the client asks again, and gets a newer epoch |
 * | idle | the next epoch, or a fresh id when the epochs are used up |
 *
 * A producer may say what it has (KIP-360): the epoch goes up if that is current; if it is the one before, this is a retry
 * and answered alike; else 90. An id from before is only taken together with an epoch that was used up.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { answered, type InitProducerIdEvent, producerIdNeeded } from "./transaction_events.ts";
import {
  changed,
  type Circumstances,
  fence,
  refusing,
  replying,
  type TransactionDecision,
} from "./transaction_decision.ts";
import {
  isExhausted,
  isPrepared,
  isVoid,
  NO_EPOCH,
  State,
  type Transaction,
  type TransactionValue,
} from "./transaction.ts";
import { PartitionSet } from "./partition_set.ts";

export function decideInitProducerId(
  transaction: Readonly<Transaction>,
  event: InitProducerIdEvent,
  circumstances: Circumstances,
): TransactionDecision {
  const { value } = transaction, { ticket, freshProducerId } = event;
  if (isPrepared(value)) return refusing(ticket, ErrorCode.CONCURRENT_TRANSACTIONS);
  if (!isVoid(transaction) && !isKnownProducer(value, event)) {
    return refusing(ticket, ErrorCode.PRODUCER_FENCED);
  }
  if (value.state === State.Ongoing) {
    const aborted = fence(value, freshProducerId, circumstances);
    return aborted === null ? replying(producerIdNeeded(ticket)) : {
      facts: [aborted],
      replies: refusing(ticket, ErrorCode.CONCURRENT_TRANSACTIONS).replies,
    };
  }
  const next = isVoid(transaction) ? firstOf(event) : nextOf(value, event);
  if (typeof next === "number") return refusing(ticket, next);
  if (next === null) return replying(producerIdNeeded(ticket));
  const fact = changed(value, {
    previousProducerId: isVoid(transaction) ? next.producerId : value.producerId,
    ...next,
    state: State.Empty,
    timeoutMs: event.timeoutMs,
    partitions: new PartitionSet(),
    startTimestampMs: -1,
  }, circumstances);
  return { facts: [fact], replies: [answered(ticket, next)] };
}

type Given = Pick<TransactionValue, "producerId" | "producerEpoch" | "lastProducerEpoch">;

function isKnownProducer(value: TransactionValue, { expected }: InitProducerIdEvent): boolean {
  return expected === null || expected.producerId === value.producerId ||
    expected.producerId === value.previousProducerId && isExhausted(expected.producerEpoch);
}

function firstOf({ freshProducerId }: InitProducerIdEvent): Given | null {
  if (freshProducerId === null) return null;
  return { producerId: freshProducerId, producerEpoch: 0, lastProducerEpoch: NO_EPOCH };
}

/** Of an idle one: what the producer gets; null: a fresh id is needed; or why it gets nothing. */
function nextOf(
  { producerId, producerEpoch, lastProducerEpoch }: TransactionValue,
  { expected, freshProducerId }: InitProducerIdEvent,
): Given | null | number {
  const isCurrent = expected === null || expected.producerEpoch === producerEpoch;
  if (!isCurrent) {
    // Where the epochs are used up Kafka fails with -1 here, for a retry as for anybody else.
    if (expected.producerEpoch !== lastProducerEpoch) return ErrorCode.PRODUCER_FENCED;
    return { producerId, producerEpoch, lastProducerEpoch };
  }
  const retriedFrom = expected === null ? NO_EPOCH : producerEpoch;
  if (!isExhausted(producerEpoch)) {
    return { producerId, producerEpoch: producerEpoch + 1, lastProducerEpoch: retriedFrom };
  }
  if (freshProducerId === null) return null;
  return { producerId: freshProducerId, producerEpoch: 0, lastProducerEpoch: retriedFrom };
}
