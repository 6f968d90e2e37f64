/**
 * Errors of the client: KafkaError is an answer with an error code, ConnectionError a connection that could not be
 * made or ended before the answer came. Both know whether trying again may help. TransactionError is what follows from
 * them for a transaction.
 */
import { type ErrorCode, errorMessage, errorName, isRetriable } from "../protocol/errors.ts";

/** A broker's answer with an error code. `code` is Kafka's number, `kafkaName` its name for it. */
export class KafkaError extends Error {
  override readonly name = "KafkaError";
  readonly kafkaName: string;
  readonly isRetriable: boolean;

  constructor(readonly code: ErrorCode | number, about: string, detail?: string | null) {
    super(`${about}: ${errorName(code)} (${code}). ${detail ?? errorMessage(code) ?? ""}`.trim());
    this.kafkaName = errorName(code);
    this.isRetriable = isRetriable(code);
  }
}

/** No connection, or it ended (or ran out of time) with requests unanswered: whether they took effect is not known. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly isRetriable = true;
}

/** What came as an answer is none: no broker speaks so, or one that is broken; the same request would get the same. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** wakeup() was called: it ends the wait that is on, or the next one. */
export class WakeupError extends Error {
  override readonly name = "WakeupError";

  constructor() {
    super("The consumer was woken up");
  }
}

/**
 * What a transactional producer cannot do, and what is left to do: `kind` says it.
 *
 * - "abort": the transaction cannot be committed any more; abort() it and begin again.
 * - "again": no answer came in time, so whether it took effect is not known; call the same method again.
 * - "fenced": another producer with the same transactional id took over (or the transaction ran out of its time, and
 *   the coordinator aborted it); this one can do nothing more.
 * - "fatal": this producer can do nothing more, for another reason.
 *
 * `code` is Kafka's number where a broker's answer was the reason, `cause` what happened.
 */
export class TransactionError extends Error {
  override readonly name = "TransactionError";
  readonly code: number | null;

  constructor(readonly kind: TransactionErrorKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = cause instanceof KafkaError || cause instanceof TransactionError
      ? cause.code
      : null;
  }
}

export type TransactionErrorKind = "abort" | "again" | "fenced" | "fatal";

/** Throws unless the code is 0. `about` names what was asked for: "create topic orders". */
export function check(code: number, about: string, detail?: string | null): void {
  if (code !== 0) throw new KafkaError(code, about, detail);
}

/** Whether the same request may succeed later. */
export function mayRetry(error: unknown): boolean {
  return (error instanceof KafkaError || error instanceof ConnectionError) && error.isRetriable;
}
