/**
 * CreatePartitions 0–3: raises the number of partitions of topics, or with validateOnly says whether it could.
 *
 * A count that is not more than there are is 37, the broker's own topics are 44. What would pass a limit is refused whole (44), as by Kafka since 4.4.
 * What cannot be written, or made on the disk, is 56, as in CreateTopics.
 * Who has a quota of changes and has used it up gets 89 from version 3 on (KIP-599).
 * timeoutMs has no effect: nothing is waited for but the local device.
 */
import { CreatePartitions } from "../protocol/messages/create_partitions.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planCreatePartitions } from "../topics/plan_create_partitions.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { failure } from "../topics/outcome.ts";
import { changesBy } from "./change_quota.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";
import type { Placed } from "./placed.ts";

export interface CreatePartitionsDeps {
  readonly metadata: MetadataStore;
  readonly maxPartitions: number;
  readonly placed: Placed;
}

export function createPartitions(deps: CreatePartitionsDeps): Handler {
  return handler(
    CreatePartitions,
    { min: 0, max: 3 },
    async ({ topics, validateOnly }, context) => {
      const limits = { ...deps, mayChange: changesBy(context, 3) };
      const transaction = deps.metadata.transact(function* (catalogue) {
        const { records, result } = yield* planCreatePartitions(catalogue, topics, limits);
        return { records: validateOnly ? [] : records, result };
      });
      const results = await orNotWritten(
        transaction,
        (outcome) => topics.map(({ name }) => ({ name, ...outcome })),
      );
      return { results: results.map((result) => ({ ...result, ...placedOutcome(deps, result) })) };
    },
  );
}

function placedOutcome(
  { metadata, placed }: CreatePartitionsDeps,
  { name, errorCode }: { readonly name: string; readonly errorCode: number },
) {
  const topic = errorCode === ErrorCode.NONE ? metadata.catalogue.topic(name) : undefined;
  const problem = topic === undefined ? null : placed.problemOf(topic.id);
  if (problem === null) return {};
  const message = `The partitions were created, and not all are served yet: ${problem}`;
  return failure(ErrorCode.KAFKA_STORAGE_ERROR, message);
}
