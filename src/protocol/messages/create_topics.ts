/**
 * CreateTopics: creates topics, or only says whether it could.
 *
 * v4 lets the broker choose partitions and replicas (-1) · v5 flexible, answers with the configs it applied · v6
 * throttles by quota (KIP-599) · v7 answers with the topic id.
 */
import { api, array, bool, int16, int32, int8, string, uuid } from "../schema.ts";

export const CreateTopics = api({
  key: 19,
  name: "CreateTopics",
  versions: "2-7",
  flexible: "5+",
  request: {
    topics: array({
      name: string,
      numPartitions: int32, // -1: the broker's default, or by assignments
      replicationFactor: int16, // -1: the broker's default, or by assignments
      assignments: array({
        partitionIndex: int32,
        brokerIds: array(int32),
      }),
      configs: array({
        name: string,
        value: string.nullable(),
      }),
    }),
    timeoutMs: int32.default(60000),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      name: string,
      topicId: uuid.in("7+").ignorable(),
      errorCode: int16,
      errorMessage: string.nullable(),
      topicConfigErrorCode: int16.tag(0, "5+").ignorable(),
      numPartitions: int32.default(-1).in("5+").ignorable(),
      replicationFactor: int16.default(-1).in("5+").ignorable(),
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: bool,
        configSource: int8.default(-1),
        isSensitive: bool,
      }).nullable().default([]).in("5+").ignorable(),
    }),
  },
});
