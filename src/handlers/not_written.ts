/**
 * What is answered where the metadata store could not take a change: Kafka's 56 (KAFKA_STORAGE_ERROR), which says to ask
 * again. Nothing of the change is there.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { NotWrittenError } from "../topics/metadata_log_error.ts";
import { failure, type Outcome } from "../topics/outcome.ts";

/** The transaction's result, or what `refused` makes of the error. */
export async function orNotWritten<T>(
  transaction: Promise<T>,
  refused: (outcome: Outcome) => T,
): Promise<T> {
  try {
    return await transaction;
  } catch (error) {
    if (!(error instanceof NotWrittenError)) throw error;
    return refused(failure(ErrorCode.KAFKA_STORAGE_ERROR, error.message));
  }
}
