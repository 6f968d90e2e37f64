/** Committable: what may be committed, and the offsets that it comes to. */
import type { ConsumerRecord } from "./consumer_options.ts";
import { nameOf } from "./group/partitions_by_topic.ts";
import type { OffsetToCommit } from "./transaction_requests.ts";

/** What to commit: offsets to go on at, or records that are done with, which is the offset behind each. */
export type Committable = OffsetToCommit | ConsumerRecord;

/** One for each partition: behind the last of its records, or as it was said last. */
export function offsetsOf(what: readonly Committable[]): OffsetToCommit[] {
  const offsets = new Map<string, OffsetToCommit>();
  for (const one of what) {
    const name = nameOf(one);
    if (!("value" in one)) {
      offsets.set(name, one);
      continue;
    }
    const { topic, partition } = one, offset = one.offset + 1, before = offsets.get(name);
    if (before === undefined || before.offset < offset) {
      offsets.set(name, { topic, partition, offset });
    }
  }
  return [...offsets.values()];
}
