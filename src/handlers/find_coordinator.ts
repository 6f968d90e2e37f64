/**
 * FindCoordinator 0–6: the broker that keeps a group or a transactional id. The first one asked for makes
 * `__consumer_offsets`, or `__transaction_state`.
 *
 * Versions: 1 names the kind of key and carries an error message · 4 many keys at once · 5, 6 as 4.
 *
 * Share partitions have no coordinator here: they are answered "not available" (15), as by a Kafka whose coordinators are
 * not up; a key of an unknown kind 42. An id is not looked at: "" has a coordinator too. One whose partition could not
 * be loaded has none until it can (15, with the reason); Kafka sends clients to the broker, which sends them away again.
 */
import { ErrorCode, errorMessage } from "../protocol/errors.ts";
import { FindCoordinator } from "../protocol/messages/find_coordinator.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";
import { asRegistered, type EndpointFor } from "./endpoints.ts";
import { type ConnectionInfo, type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";
import { OFFSETS_TOPIC } from "./offsets_topic.ts";
import { TRANSACTION_TOPIC } from "./transaction_topic.ts";

const KeyType = { GROUP: 0, TRANSACTION: 1, SHARE: 2 } as const;

export interface FindCoordinatorServices {
  readonly groups: Keeper;
  readonly transactions: { readonly runtime: Keeper };
  readonly catalogue: Catalogue;
  readonly nodes: NodeRegistry;
  readonly endpointFor?: EndpointFor;
  readonly answers: LongAnswers;
}

/** What keeps ids in the partitions of its topic. */
interface Keeper {
  ensureTopic(): Promise<void>;
  partitionFor(id: string): number | null;
  failureOf(id: string): string | null;
}

export function findCoordinator(services: FindCoordinatorServices): Handler {
  return handler(FindCoordinator, { min: 0, max: 6 }, async (request, context) => {
    const { apiVersion, connection } = context;
    const isMany = apiVersion >= 4;
    const keys = isMany ? request.coordinatorKeys : [request.key];
    if (keys.length === 0) return { coordinators: [] }; // nobody has asked for anything that a topic is needed for
    const keyType = apiVersion === 0 ? KeyType.GROUP : request.keyType;
    if (keyType === KeyType.GROUP) await services.groups.ensureTopic();
    if (keyType === KeyType.TRANSACTION) await services.transactions.runtime.ensureTopic();
    return await services.answers.of({
      items: keys,
      part: (key) => ({ key, ...coordinatorOf(services, keyType, key, connection) }),
      tooLong: (key, reason) => ({ key, ...nobody(ErrorCode.INVALID_REQUEST, reason) }),
      whole: (found) => isMany ? { coordinators: found } : found[0],
      connection,
    });
  });
}

function coordinatorOf(
  services: FindCoordinatorServices,
  keyType: number,
  key: string,
  connection: ConnectionInfo,
) {
  const { groups, transactions, catalogue, nodes, endpointFor = asRegistered } = services;
  if (keyType === KeyType.SHARE && /^.*:[A-Za-z0-9_-]{22}:\d+$/.test(key)) {
    return nobody(ErrorCode.COORDINATOR_NOT_AVAILABLE, "");
  }
  if (keyType !== KeyType.GROUP && keyType !== KeyType.TRANSACTION) {
    return nobody(ErrorCode.INVALID_REQUEST, errorMessage(ErrorCode.INVALID_REQUEST));
  }
  const isGroup = keyType === KeyType.GROUP;
  const keeper = isGroup ? groups : transactions.runtime;
  const topic = isGroup ? OFFSETS_TOPIC : TRANSACTION_TOPIC;
  const partition = keeper.partitionFor(key);
  const leaderId = partition === null
    ? -1
    : catalogue.topic(topic)?.partitions[partition]?.leaderId ?? -1;
  const node = nodes.node(leaderId);
  if (node === undefined || node.isFenced) return nobody(ErrorCode.COORDINATOR_NOT_AVAILABLE, "");
  const failure = node.id === nodes.selfId ? keeper.failureOf(key) : null;
  if (failure !== null) return nobody(ErrorCode.COORDINATOR_NOT_AVAILABLE, failure);
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: "",
    nodeId: node.id,
    ...endpointFor(node, connection),
  };
}

function nobody(errorCode: number, errorMessage: string | null) {
  return { errorCode, errorMessage, nodeId: -1, host: "", port: -1 };
}
