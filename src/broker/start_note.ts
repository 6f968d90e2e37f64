/** What a start notes for a start after it, should this one be cut off; without room for that it goes on. */
import { logger } from "../log.ts";
import { StoreError } from "../storage/store.ts";

export async function unlessFull(noted: Promise<void>): Promise<void> {
  try {
    await noted;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    logger("storage").warn("start_not_noted", { error: error.message });
  }
}
