/**
 * Operations: what is asked of a starved broker, one at a time, and what came of it: "ok", the name of Kafka's error, or
 * what happened to the connection. What is answered with success is noted as promised.
 */
import { ConnectionError } from "../../src/client/errors.ts";
import type { Connection } from "../../src/client/connection.ts";
import { errorName } from "../../src/protocol/errors.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { IncrementalAlterConfigs } from "../../src/protocol/messages/incremental_alter_configs.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import type { Promises } from "./service.ts";

export interface Operation {
  readonly name: string;
  /** Errors that say in Kafka's words that it cannot be done now; a client tries again. */
  readonly errors: readonly string[];
  run(connection: Connection, promises: Promises): Promise<string>;
}

let serial = 0;

export const OPERATIONS: readonly Operation[] = [
  {
    name: "produce",
    errors: ["KAFKA_STORAGE_ERROR"],
    async run(connection, promises) {
      const value = `v${serial++}`;
      const { errorCode, baseOffset } = await produce(connection, "base", [[null, value]]);
      if (errorCode === 0) promises.values.set(baseOffset, value);
      return nameOf(errorCode);
    },
  },
  {
    name: "commit",
    errors: [
      "COORDINATOR_NOT_AVAILABLE",
      "NOT_COORDINATOR",
      "COORDINATOR_LOAD_IN_PROGRESS",
      "KAFKA_STORAGE_ERROR",
    ],
    async run(connection, promises) {
      const offset = serial++;
      const answer = await connection.request(OffsetCommit, 8, {
        groupId: "g",
        generationIdOrMemberEpoch: -1,
        memberId: "",
        topics: [{
          name: "base",
          partitions: [{
            partitionIndex: 0,
            committedOffset: BigInt(offset),
            committedMetadata: "",
          }],
        }],
      });
      const { errorCode } = answer.topics[0].partitions[0];
      if (errorCode === 0) promises.committed = offset;
      return nameOf(errorCode);
    },
  },
  {
    name: "create",
    errors: ["KAFKA_STORAGE_ERROR", "REQUEST_TIMED_OUT", "UNKNOWN_SERVER_ERROR"],
    async run(connection, promises) {
      const name = `made-${serial++}`;
      const errorCode = await createTopic(connection, name);
      if (errorCode === 0) promises.created.add(name);
      return nameOf(errorCode);
    },
  },
  {
    name: "delete",
    errors: ["KAFKA_STORAGE_ERROR", "REQUEST_TIMED_OUT", "UNKNOWN_SERVER_ERROR"],
    async run(connection, promises) {
      const [name] = [...promises.created].filter((one) => /^(doomed|made)-/.test(one));
      if (name === undefined) return "none left";
      const { responses: [{ errorCode }] } = await connection.request(DeleteTopics, 5, {
        topicNames: [name],
        timeoutMs: LIMIT_MS,
      });
      promises.created.delete(name); // whatever it answered, it may be gone
      if (errorCode === 0) promises.deleted.add(name);
      return nameOf(errorCode);
    },
  },
  {
    name: "DeleteRecords",
    errors: ["KAFKA_STORAGE_ERROR", "REQUEST_TIMED_OUT"],
    async run(connection, promises) {
      const offset = promises.trimmedTo + 1;
      const answer = await connection.request(DeleteRecords, 2, {
        topics: [{ name: "trim", partitions: [{ partitionIndex: 0, offset }] }],
        timeoutMs: LIMIT_MS,
      });
      const { errorCode } = answer.topics[0].partitions[0];
      if (errorCode === 0) promises.trimmedTo = offset;
      return nameOf(errorCode);
    },
  },
  {
    // Each change is larger than the snapshot interval of the campaign, so that a snapshot follows.
    name: "snapshot",
    errors: ["KAFKA_STORAGE_ERROR", "REQUEST_TIMED_OUT", "UNKNOWN_SERVER_ERROR"],
    async run(connection) {
      const answer = await connection.request(IncrementalAlterConfigs, 1, {
        resources: [{
          resourceType: 2,
          resourceName: "base",
          configs: [{ name: "retention.ms", configOperation: 0, value: `${10 ** 9 + serial++}` }],
        }],
        validateOnly: false,
      });
      return nameOf(answer.responses[0].errorCode);
    },
  },
  {
    // Keys written twice: something to compact once the cleaner can.
    name: "compaction",
    errors: ["KAFKA_STORAGE_ERROR"],
    async run(connection) {
      const pairs: [string, string][] = Array.from(
        { length: 50 },
        (_, i) => [`k${i % 5}`, `c${serial++}`],
      );
      return nameOf((await produce(connection, "table", pairs)).errorCode);
    },
  },
];

/** What came of an operation; never throws. */
export async function outcomeOf(
  operation: Operation,
  connection: Connection,
  promises: Promises,
): Promise<string> {
  try {
    return await operation.run(connection, promises);
  } catch (error) {
    if (error instanceof ConnectionError) return `connection: ${error.message}`;
    return `error: ${error instanceof Error ? error.message : error}`;
  }
}

export async function createTopic(
  connection: Connection,
  name: string,
  configs: Record<string, string> = {},
): Promise<number> {
  const { topics: [{ errorCode }] } = await connection.request(CreateTopics, 5, {
    topics: [{
      name,
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    }],
    timeoutMs: LIMIT_MS,
    validateOnly: false,
  });
  return errorCode;
}

export async function produce(
  connection: Connection,
  topic: string,
  pairs: readonly (readonly [key: string | null, value: string])[],
): Promise<{ errorCode: number; baseOffset: number }> {
  const timestampMs = Date.now();
  const records = buildBatch({
    records: pairs.map(([key, value]) => ({
      timestampMs,
      key: key === null ? null : encode(key),
      value: encode(value),
    })),
  });
  const { responses } = await connection.request(Produce, 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: LIMIT_MS,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  });
  return responses[0].partitionResponses[0];
}

/** Has the topic of offsets made. */
export async function findCoordinator(connection: Connection): Promise<void> {
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
}

/** A request of so many bytes to "bulk", whatever comes of it. */
export async function bigProduce(connection: Connection, bytes: number): Promise<void> {
  await produce(connection, "bulk", [[null, "x".repeat(bytes)]]);
}

function nameOf(errorCode: number): string {
  return errorCode === 0 ? "ok" : errorName(errorCode);
}

const LIMIT_MS = 5000;
const encode = (text: string) => new TextEncoder().encode(text);
