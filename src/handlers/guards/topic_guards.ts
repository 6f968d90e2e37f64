/** Guards of what is asked of topics and their records. */
import { type Uuid, ZERO_UUID } from "../../bytes/uuid.ts";
import { CreatePartitions } from "../../protocol/messages/create_partitions.ts";
import { CreateTopics } from "../../protocol/messages/create_topics.ts";
import { DeleteRecords } from "../../protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../protocol/messages/delete_topics.ts";
import { DescribeProducers } from "../../protocol/messages/describe_producers.ts";
import { DescribeTopicPartitions } from "../../protocol/messages/describe_topic_partitions.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { ListOffsets } from "../../protocol/messages/list_offsets.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { OffsetForLeaderEpoch } from "../../protocol/messages/offset_for_leader_epoch.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Catalogue } from "../../topics/catalogue.ts";
import { METADATA_TOPIC } from "../../topics/metadata_topic.ts";
import { repeated } from "../../topics/outcome.ts";
import type { TopicSelector } from "../../topics/plan_delete_topics.ts";
import { completed, type Guard, guard, parted, topicByTopic } from "../guard.ts";
import { CLOSE, NO_REPLY } from "../handler.ts";
import { isOfTransaction } from "../produce_admission.ts";
import {
  ALTER,
  CLUSTER_ACTION,
  CREATE,
  DELETE,
  DESCRIBE,
  DESCRIBE_CONFIGS,
  ID_REFUSED,
  onCluster,
  onTopic,
  onTransactionalId,
  READ,
  refusal,
  TOPIC_REFUSED,
  WRITE,
} from "./rights.ts";

const REFUSED = refusal(TOPIC_REFUSED);
/** Kafka's words (ControllerApis), which its tools show. */
const NOT_CREATED = { errorCode: TOPIC_REFUSED, errorMessage: "Authorization failed." };

export function topicGuards(catalogue: Catalogue): readonly Guard[] {
  return [
    guard(Produce, [onTransactionalId(WRITE), onTopic(WRITE)], (request, context, rest) => {
      const { transactionalId, topicData, acks } = request, { access, apiVersion } = context;
      const ofTopics = (topics: typeof topicData, errorCode: number) =>
        topics.map(({ name, topicId, partitionData }) => ({
          name,
          topicId,
          partitionResponses: partitionData.map(({ index }) => ({
            index,
            errorCode,
            baseOffset: -1,
          })),
        }));
      const isTransactional = () =>
        topicData.some(({ partitionData }) =>
          partitionData.some(({ records }) => isOfTransaction(records))
        );
      const mayUseId = () =>
        transactionalId !== null && access.mayTransactional(WRITE, transactionalId);
      if (isTransactional() && !mayUseId()) {
        return acks === 0 ? CLOSE : { responses: ofTopics(topicData, ID_REFUSED) };
      }
      const { allowed, refused } = parted(topicData, ({ name, topicId }) => {
        const known = apiVersion < PRODUCES_BY_ID ? name : catalogue.topicById(topicId)?.name;
        return known === undefined || access.mayTopic(WRITE, known);
      });
      if (refused.length === 0) return rest(request);
      const responses = ofTopics(refused, TOPIC_REFUSED);
      if (allowed.length === 0) return acks === 0 ? CLOSE : { responses };
      const answer = rest({ ...request, topicData: allowed });
      if (acks === 0) {
        // Its only sign of an error is the end of the connection; what was allowed is written before.
        return answer instanceof Promise
          ? answer.then(() => CLOSE)
          : answer === NO_REPLY
          ? CLOSE
          : answer;
      }
      return completed(answer, (answer) => ({
        ...answer,
        responses: [...answer.responses ?? [], ...responses],
      }));
    }),
    // Asked partition by partition, since sessions remember most of them.
    guard(Fetch, [onTopic(READ), onCluster(CLUSTER_ACTION)]),
    guard(Metadata, [onTopic(DESCRIBE), onTopic(CREATE), onCluster(CREATE), onCluster(DESCRIBE)]),
    guard(DescribeTopicPartitions, [onTopic(DESCRIBE)]),
    guard(ListOffsets, [onTopic(DESCRIBE)], (request, { access }, rest) => {
      return topicByTopic(request, rest, {
        may: ({ name }) => access.mayTopic(DESCRIBE, name),
        refuse: ({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex }) => ({
            partitionIndex,
            errorCode: TOPIC_REFUSED,
          })),
        }),
      });
    }),
    guard(
      OffsetForLeaderEpoch,
      [onCluster(CLUSTER_ACTION), onTopic(DESCRIBE)],
      (request, { access }, rest) => {
        if (access.mayCluster(CLUSTER_ACTION)) return rest(request);
        return topicByTopic(request, rest, {
          may: ({ topic }) => access.mayTopic(DESCRIBE, topic),
          refuse: ({ topic, partitions }) => ({
            topic,
            partitions: partitions.map(({ partition }) => ({
              partition,
              errorCode: TOPIC_REFUSED,
            })),
          }),
        });
      },
    ),
    guard(DeleteRecords, [onTopic(DELETE)], (request, { access }, rest) => {
      return topicByTopic(request, rest, {
        may: ({ name }) => access.mayTopic(DELETE, name),
        refuse: ({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex }) => ({
            partitionIndex,
            errorCode: TOPIC_REFUSED,
            lowWatermark: -1,
          })),
        }),
      });
    }),
    guard(DescribeProducers, [onTopic(READ)], (request, { access }, rest) => {
      return topicByTopic(request, rest, {
        may: ({ name }) => access.mayTopic(READ, name),
        refuse: ({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...REFUSED })),
        }),
      });
    }),
    guard(CreatePartitions, [onTopic(ALTER)], (request, { access }, rest) => {
      const twice = repeated(request.topics.map(({ name }) => name)); // the handler's to refuse
      const { allowed, refused } = parted(
        request.topics,
        ({ name }) => twice.has(name) || access.mayTopic(ALTER, name),
      );
      if (refused.length === 0) return rest(request);
      return completed(rest({ ...request, topics: allowed }), (answer) => ({
        ...answer,
        results: [
          ...answer.results ?? [],
          ...refused.map(({ name }) => ({ name, ...REFUSED })),
        ],
      }));
    }),
    guard(
      CreateTopics,
      [onCluster(CREATE), onTopic(CREATE), onTopic(DESCRIBE_CONFIGS)],
      (request, { access }, rest) => {
        const twice = repeated(request.topics.map(({ name }) => name));
        const { allowed, refused } = parted(
          request.topics,
          ({ name }) =>
            twice.has(name) || name === METADATA_TOPIC || access.mayCluster(CREATE) ||
            access.mayTopic(CREATE, name),
        );
        return completed(rest({ ...request, topics: allowed }), (answer) => ({
          ...answer,
          topics: [
            ...(answer.topics ?? []).map((topic) =>
              access.mayTopic(DESCRIBE_CONFIGS, topic.name ?? "") ? topic : withoutConfigs(topic)
            ),
            ...refused.map(({ name }) => ({ name, ...NOT_CREATED })),
          ],
        }));
      },
    ),
    guard(
      DeleteTopics,
      [onCluster(DELETE), onTopic(DELETE), onTopic(DESCRIBE)],
      (request, { access, apiVersion }, rest) => {
        if (access.mayCluster(DELETE)) return rest(request);
        const knowsIds = apiVersion >= 6;
        const selectors = knowsIds
          ? request.topics
          : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
        const refused: { name: string | null; topicId: Uuid; errorCode: number }[] = [];
        // What is named twice, or in no way or two, is the handler's to refuse.
        const twice = namedTwice(selectors);
        const allowed = selectors.filter(({ name, topicId }) => {
          const isTwice = name === null ? twice.ids.has(topicId) : twice.names.has(name);
          if (isTwice || (name === null) === (topicId === ZERO_UUID)) return true;
          const topic = name === null ? catalogue.topicById(topicId) : catalogue.topic(name);
          const known = name ?? topic?.name;
          if (known === undefined) return true; // an unknown id, which no topic will have
          const isShown = access.mayTopic(DESCRIBE, known);
          if (isShown && access.mayTopic(DELETE, known)) return true;
          refused.push({
            name: isShown ? known : name,
            topicId: isShown ? topic?.id ?? topicId : topicId,
            // What is not there is told here: when the handler looks it may have been made.
            errorCode: isShown && topic === undefined
              ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
              : TOPIC_REFUSED,
          });
          return false;
        });
        if (refused.length === 0) return rest(request);
        const left = knowsIds
          ? { ...request, topics: allowed }
          : { ...request, topicNames: allowed.map(({ name }) => name!) };
        return completed(rest(left), (answer) => ({
          ...answer,
          responses: [
            ...answer.responses ?? [],
            ...refused.map((one) => ({ ...one, ...refusal(one.errorCode) })),
          ],
        }));
      },
    ),
  ];
}

/** Produce names topics by their ids since. */
const PRODUCES_BY_ID = 13;

/** The names and ids that stand there more than once, as planDeleteTopics() refuses them, whatever they are of. */
function namedTwice(selectors: readonly TopicSelector[]) {
  const byId = selectors.filter(({ name, topicId }) => name === null && topicId !== ZERO_UUID);
  return {
    names: repeated(selectors.flatMap(({ name }) => name ?? [])),
    ids: repeated(byId.map(({ topicId }) => topicId)),
  };
}

/** A created topic as it is told to who may not see its configs. */
function withoutConfigs<
  T extends {
    name?: string;
    topicId?: Uuid;
    errorCode?: number;
    errorMessage?: string | null;
  },
>({ name, topicId, errorCode, errorMessage }: T) {
  return {
    name,
    topicId,
    errorCode,
    errorMessage,
    ...(errorCode === ErrorCode.NONE && { topicConfigErrorCode: TOPIC_REFUSED }),
  };
}
