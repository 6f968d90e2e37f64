/**
 * Errors of the client: KafkaError is an answer with an error code, ConnectionError a connection that could not be
 * made or ended before the answer came. Both know whether trying again may help.
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

/** Throws unless the code is 0. `about` names what was asked for: "create topic orders". */
export function check(code: number, about: string, detail?: string | null): void {
  if (code !== 0) throw new KafkaError(code, about, detail);
}

/** Whether the same request may succeed later. */
export function mayRetry(error: unknown): boolean {
  return (error instanceof KafkaError || error instanceof ConnectionError) && error.isRetriable;
}
