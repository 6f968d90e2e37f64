/**
 * Expire: what one log lets go with time: its start moves above what it is not to keep (retention.ts says what that is),
 * and producers who were not heard of for producer.id.expiration.ms are forgotten.
 */
import type { Clock } from "../../clock.ts";
import type { PartitionLog } from "./partition_log.ts";
import { expiredBefore, isActiveExpired } from "./retention.ts";

/** What can go goes first: a full disk may have no room for the segment that lets the last one go. Throws StoreError. */
export function expire(log: PartitionLog, clock: Clock): void {
  log.loadedProducers?.removeExpired(clock.nowMs());
  log.advanceStart(expiredBefore(log, clock));
  if (!isActiveExpired(log, clock)) return;
  log.roll();
  log.advanceStart(expiredBefore(log, clock));
}
