/** validateLater: checks a batch in the background, for who cannot wait. */
import { ErrorCode } from "../protocol/errors.ts";
import type {
  AcceptedRecords,
  RefusedRecords,
  ValidateOptions,
} from "../protocol/records/validate.ts";
import { type Background, OverlongError } from "./background.ts";

/** Bytes that are accepted are other memory than `records`, which must stay as they are until it settles. */
export function validateLater(background: Background) {
  return async (
    records: Uint8Array | null,
    rules: ValidateOptions,
  ): Promise<AcceptedRecords | RefusedRecords> => {
    try {
      return await background.run(
        "validateRecords",
        () => [records === null ? null : records.slice(), rules],
      );
    } catch (error) {
      if (!(error instanceof OverlongError)) throw error;
      const errorMessage = `The records take too long to decompress: ${error.message}`;
      return {
        errorCode: ErrorCode.INVALID_RECORD,
        errorMessage,
        recordErrors: [],
        isMisframed: false,
      };
    }
  };
}
