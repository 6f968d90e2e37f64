/** Limits on how many partitions there may be, and how many one request may make. */
import { ErrorCode } from "../protocol/errors.ts";
import type { Catalogue } from "./catalogue.ts";
import { failure, type Outcome } from "./outcome.ts";

/** Partitions one request may create: with their topics they must fit one transaction. Kafka's is the same. */
export const MAX_PARTITIONS_PER_REQUEST = 10_000;

export interface TopicLimits {
  /** Over all topics. */
  readonly maxPartitions: number;
  /** Whether the quota of who asks lets so many be made or deleted, which it counts then; absent: it has none. */
  readonly mayChange?: (partitions: number) => boolean;
}

/** What is answered then; as Kafka's it says no more than the code. */
export const OVER_QUOTA = failure(ErrorCode.THROTTLING_QUOTA_EXCEEDED);

/**
 * The refusal of `more` partitions, or null. One too many refuses the request whole: Kafka's CreatePartitions, which
 * stops half way, leaves what it made until then.
 */
export function exceeds(
  catalogue: Catalogue,
  more: number,
  { maxPartitions }: TopicLimits,
): Outcome | null {
  if (more > MAX_PARTITIONS_PER_REQUEST) {
    return failure(
      ErrorCode.POLICY_VIOLATION,
      "Excessively large number of partitions per request.",
    );
  }
  const total = catalogue.partitionCount + more;
  return more === 0 || total <= maxPartitions ? null : failure(
    ErrorCode.POLICY_VIOLATION,
    `${more} more partitions would make ${total} in all, and limits.max_partitions is ${maxPartitions}.`,
  );
}
