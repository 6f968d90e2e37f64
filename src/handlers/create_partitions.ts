/**
 * CreatePartitions 0–3: raises the number of partitions of topics, or with validateOnly says whether it could.
 *
 * A count that is not more than there are is 37. What would pass a limit is refused whole (44), where Kafka 4.3
 * answers -1 after making a part of it. timeoutMs has no effect: nothing is waited for but the local device.
 */
import { CreatePartitions } from "../protocol/messages/create_partitions.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planCreatePartitions } from "../topics/plan_create_partitions.ts";
import { type Handler, handler } from "./handler.ts";

export interface CreatePartitionsDeps {
  readonly metadata: MetadataStore;
  readonly maxPartitions: number;
}

export function createPartitions(deps: CreatePartitionsDeps): Handler {
  return handler(CreatePartitions, { min: 0, max: 3 }, async ({ topics, validateOnly }) => {
    const results = await deps.metadata.transact((catalogue) => {
      const { records, result } = planCreatePartitions(catalogue, topics, deps);
      return { records: validateOnly ? [] : records, result };
    });
    return { results };
  });
}
