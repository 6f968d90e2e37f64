/** Guards of what is asked of transactions and their coordinator. */
import { ErrorCode } from "../../protocol/errors.ts";
import { AddPartitionsToTxn } from "../../protocol/messages/add_partitions_to_txn.ts";
import { DescribeTransactions } from "../../protocol/messages/describe_transactions.ts";
import { EndTxn } from "../../protocol/messages/end_txn.ts";
import { FindCoordinator } from "../../protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../protocol/messages/init_producer_id.ts";
import { ListTransactions } from "../../protocol/messages/list_transactions.ts";
import type { Access } from "../../security/acl/access.ts";
import type { Catalogue } from "../../topics/catalogue.ts";
import { isInternalTopic } from "../../topics/names.ts";
import { completed, type Guard, guard, parted } from "../guard.ts";
import {
  CLUSTER_ACTION,
  CLUSTER_REFUSED,
  DESCRIBE,
  GROUP_REFUSED,
  ID_REFUSED,
  IDEMPOTENT_WRITE,
  onCluster,
  onGroup,
  onTopic,
  onTransactionalId,
  refusal,
  TOPIC_REFUSED,
  TWO_PHASE_COMMIT,
  WRITE,
} from "./rights.ts";

/** AddPartitionsToTxn comes from brokers since. */
const FROM_BROKERS = 4;
/** FindCoordinator asks for many keys since. */
const MANY_KEYS = 4;
const GROUP_KEY = 0, TRANSACTION_KEY = 1, SHARE_KEY = 2;

export function transactionGuards(catalogue: Catalogue): readonly Guard[] {
  return [
    guard(
      InitProducerId,
      [
        onTransactionalId(WRITE),
        onTransactionalId(TWO_PHASE_COMMIT),
        onCluster(IDEMPOTENT_WRITE),
        onTopic(WRITE),
      ],
      (request, { access }, rest) => {
        const { transactionalId, enable2Pc } = request;
        const refused = (errorCode: number) => ({ errorCode, producerId: -1, producerEpoch: -1 });
        if (transactionalId === null) {
          return access.mayProduce() ? rest(request) : refused(CLUSTER_REFUSED);
        }
        const may = access.mayTransactional(WRITE, transactionalId) &&
          (!enable2Pc || access.mayTransactional(TWO_PHASE_COMMIT, transactionalId));
        return may ? rest(request) : refused(ID_REFUSED);
      },
    ),
    guard(
      AddPartitionsToTxn,
      [onTransactionalId(WRITE), onTopic(WRITE), onCluster(CLUSTER_ACTION)],
      (request, { access, apiVersion }, rest) => {
        if (apiVersion >= FROM_BROKERS) {
          return access.mayCluster(CLUSTER_ACTION) ? rest(request) : { errorCode: CLUSTER_REFUSED };
        }
        const { v3AndBelowTransactionalId: id, v3AndBelowTopics: topics } = request;
        const answer = (codeOf: (name: string, partition: number) => number) => ({
          resultsByTopicV3AndBelow: topics.map(({ name, partitions }) => ({
            name,
            resultsByPartition: partitions.map((partitionIndex) => ({
              partitionIndex,
              partitionErrorCode: codeOf(name, partitionIndex),
            })),
          })),
        });
        if (!access.mayTransactional(WRITE, id)) return answer(() => ID_REFUSED);
        const isRefused = (name: string) => !access.mayTopic(WRITE, name);
        if (!topics.some(({ name }) => isRefused(name))) return rest(request);
        // One that may not be added keeps the others from it.
        return answer((name, partition) => {
          if (isRefused(name) || isInternalTopic(name)) return TOPIC_REFUSED;
          return catalogue.topic(name)?.partitions[partition] === undefined
            ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            : ErrorCode.OPERATION_NOT_ATTEMPTED;
        });
      },
    ),
    guard(
      EndTxn,
      [onTransactionalId(WRITE)],
      (request, { access }, rest) =>
        access.mayTransactional(WRITE, request.transactionalId)
          ? rest(request)
          : { errorCode: ID_REFUSED },
    ),
    guard(
      FindCoordinator,
      [onGroup(DESCRIBE), onTransactionalId(DESCRIBE), onCluster(CLUSTER_ACTION)],
      (request, { access, apiVersion }, rest) => {
        const keyType = apiVersion === 0 ? GROUP_KEY : request.keyType;
        const codeOf = (key: string) => coordinatorRefusal(access, keyType, key);
        const nobody = (key: string) => ({
          key,
          ...refusal(codeOf(key)),
          nodeId: -1,
          host: "",
          port: -1,
        });
        if (apiVersion < MANY_KEYS) {
          return codeOf(request.key) === 0 ? rest(request) : nobody(request.key);
        }
        const { allowed, refused } = parted(request.coordinatorKeys, (key) => codeOf(key) === 0);
        if (refused.length === 0) return rest(request);
        const coordinators = refused.map(nobody);
        if (allowed.length === 0) return { coordinators };
        return completed(rest({ ...request, coordinatorKeys: allowed }), (answer) => ({
          ...answer,
          coordinators: [...answer.coordinators ?? [], ...coordinators],
        }));
      },
    ),
    guard(
      DescribeTransactions,
      [onTransactionalId(DESCRIBE), onTopic(DESCRIBE)],
      (request, { access }, rest) => {
        const may = (id: string) => access.mayTransactional(DESCRIBE, id);
        const { allowed, refused } = parted(request.transactionalIds, may);
        return completed(rest({ ...request, transactionalIds: allowed }), (answer) => ({
          ...answer,
          transactionStates: [
            ...(answer.transactionStates ?? []).map((state) => ({
              ...state,
              topics: state.topics?.filter(({ topic = "" }) => access.mayTopic(DESCRIBE, topic)),
            })),
            ...refused.map((transactionalId) => ({ transactionalId, errorCode: ID_REFUSED })),
          ],
        }));
      },
    ),
    // Asked id by id, before they are matched with a pattern.
    guard(ListTransactions, [onTransactionalId(DESCRIBE)]),
  ];
}

/** 0: allowed. Kinds of keys that there are not are the handler's to refuse. */
function coordinatorRefusal(access: Access, keyType: number, key: string): number {
  switch (keyType) {
    case GROUP_KEY:
      return access.mayGroup(DESCRIBE, key) ? 0 : GROUP_REFUSED;
    case TRANSACTION_KEY:
      return access.mayTransactional(DESCRIBE, key) ? 0 : ID_REFUSED;
    case SHARE_KEY:
      return access.mayCluster(CLUSTER_ACTION) ? 0 : CLUSTER_REFUSED;
    default:
      return 0;
  }
}
