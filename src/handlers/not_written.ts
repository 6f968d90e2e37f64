/**
 * What is answered where the metadata store could not take a change: Kafka's 56 (KAFKA_STORAGE_ERROR), which says to ask
 * again, or 44 (POLICY_VIOLATION) where it never will, as the change takes more than a batch of the log may. (Kafka answers
 * 44 to more than 10,000 records at once, and -1 to a batch that is too large.) Nothing of the change is there.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { NotWrittenError, TooLargeChangeError } from "../topics/metadata_log_error.ts";
import { failure, type Outcome } from "../topics/outcome.ts";

/** The transaction's result, or what `refused` makes of the error. */
export async function orNotWritten<T>(
  transaction: Promise<T>,
  refused: (outcome: Outcome) => T,
): Promise<T> {
  try {
    return await transaction;
  } catch (error) {
    if (error instanceof NotWrittenError) {
      return refused(failure(ErrorCode.KAFKA_STORAGE_ERROR, error.message));
    }
    if (error instanceof TooLargeChangeError) {
      return refused(failure(ErrorCode.POLICY_VIOLATION, error.message));
    }
    throw error;
  }
}
