/**
 * Settings: what was set in a cluster, all of it or of what is named: topics, configs, users, quotas and ACLs.
 *
 * Each is read with as few requests as there can be: of ten thousand topics the configs come in fifty. Throws KafkaError
 * for what this user may not see.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeAcls } from "../protocol/messages/describe_acls.ts";
import { DescribeClientQuotas } from "../protocol/messages/describe_client_quotas.ts";
import { DescribeConfigs } from "../protocol/messages/describe_configs.ts";
import { DescribeUserScramCredentials } from "../protocol/messages/describe_user_scram_credentials.ts";
import { ListConfigResources } from "../protocol/messages/list_config_resources.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import type { ConfigResource } from "./admin.ts";
import type { Asking } from "./asking.ts";
import { check } from "./errors.ts";

export interface TopicShape {
  readonly name: string;
  readonly isInternal: boolean;
  readonly partitions: number;
  /** Of its first partition. */
  readonly replicas: number;
}

/** In requests of so many names. */
const NAMES_A_REQUEST = 1000, RESOURCES_A_REQUEST = 200;

/** Those of these names that are there; every one where there are none to go by. */
export async function topicShapes(
  asking: Asking,
  names: readonly string[] | null = null,
): Promise<TopicShape[]> {
  if (names === null) return await shapesOf(asking, null);
  const shapes: TopicShape[] = [];
  for (let at = 0; at < names.length; at += NAMES_A_REQUEST) {
    shapes.push(...await shapesOf(asking, names.slice(at, at + NAMES_A_REQUEST)));
  }
  return shapes;
}

function shapesOf(asking: Asking, names: readonly string[] | null): Promise<TopicShape[]> {
  return asking.retry(async () => {
    const { errorCode, topics } = await asking.ask(Metadata, () => ({
      topics: names?.map((name) => ({ name, topicId: ZERO_UUID })) ?? null,
      allowAutoTopicCreation: false,
    }));
    check(errorCode, "metadata");
    const { UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE } = ErrorCode;
    return topics.filter(({ errorCode }) => errorCode !== UNKNOWN_TOPIC_OR_PARTITION)
      .map(({ name, errorCode, isInternal, partitions }) => {
        // A topic without a leader somewhere has its partitions all the same.
        if (errorCode !== LEADER_NOT_AVAILABLE) check(errorCode, `topic ${name}`);
        const replicas = partitions[0]?.replicaNodes.length ?? 0;
        return { name: name!, isInternal, partitions: partitions.length, replicas };
      });
  });
}

const RESOURCE_TYPES = { topic: 2, broker: 4, client: 16, group: 32 } as const;
/** Who has set a config, by Kafka's number (DescribeConfigsResponse.ConfigSource). */
const SOURCES = { topic: 1, broker: 3, client: 7, group: 8 } as const;

/** By resource, in order: what was set on it itself. A broker's name has to be "", for the default of all. */
export async function configsSet(
  asking: Asking,
  resources: readonly ConfigResource[],
): Promise<Map<string, string | null>[]> {
  const found: Map<string, string | null>[] = [];
  for (let at = 0; at < resources.length; at += RESOURCES_A_REQUEST) {
    const some = resources.slice(at, at + RESOURCES_A_REQUEST);
    found.push(...await asking.retry(() => configsOfSome(asking, some)));
  }
  return found;
}

async function configsOfSome(
  asking: Asking,
  resources: readonly ConfigResource[],
): Promise<Map<string, string | null>[]> {
  const { results } = await asking.ask(DescribeConfigs, () => ({
    resources: resources.map(({ type, name }) => ({
      resourceType: RESOURCE_TYPES[type],
      resourceName: name,
      configurationKeys: null,
    })),
  }));
  const key = (type: number, name: string) => `${type} ${name}`;
  const byResource = new Map(results.map((one) => [key(one.resourceType, one.resourceName), one]));
  return resources.map(({ type, name }) => {
    const about = `configs of ${type} ${name || "default"}`;
    const result = byResource.get(key(RESOURCE_TYPES[type], name));
    if (result === undefined) throw new Error(`${about}: the broker left them out of its answer`);
    check(result.errorCode, about, result.errorMessage);
    const own = result.configs.filter(({ configSource }) => configSource === SOURCES[type]);
    return new Map(own.map(({ name, value, isSensitive }) => [name, isSensitive ? null : value]));
  });
}

/** Groups that may have configs of their own; null where the broker cannot tell (before Kafka 4.1). */
export async function configuredGroups(asking: Asking): Promise<string[] | null> {
  return await asking.retry(async () => {
    if (!await asking.speaks(ListConfigResources)) return null;
    let isTold = true;
    const { errorCode, configResources } = await asking.ask(ListConfigResources, (version) => {
      isTold = version >= 1;
      return isTold ? { resourceTypes: [RESOURCE_TYPES.group] } : {};
    });
    if (!isTold) return null;
    check(errorCode, "list groups with configs");
    return configResources.map(({ resourceName }) => resourceName);
  });
}

/** Of every user with SCRAM credentials: iterations by Kafka's number of the mechanism. */
export async function scramUsers(asking: Asking): Promise<Map<string, Map<number, number>>> {
  return await asking.retry(async () => {
    const answer = await asking.ask(DescribeUserScramCredentials, () => ({ users: null }));
    check(answer.errorCode, "list users", answer.errorMessage);
    return new Map(
      answer.results.map(({ user, credentialInfos }) => [
        user,
        new Map(credentialInfos.map(({ mechanism, iterations }) => [mechanism, iterations])),
      ]),
    );
  });
}

export interface QuotaSet {
  readonly entity: readonly { readonly entityType: string; readonly entityName: string | null }[];
  readonly values: readonly { readonly key: string; readonly value: number }[];
}

export async function quotasSet(asking: Asking): Promise<readonly QuotaSet[]> {
  return await asking.retry(async () => {
    const answer = await asking.ask(
      DescribeClientQuotas,
      () => ({ components: [], strict: false }),
    );
    check(answer.errorCode, "quotas", answer.errorMessage);
    return answer.entries ?? [];
  });
}

/** An ACL as it travels. */
export interface AclSet {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

/** Null where the broker asks no ACLs. */
export async function aclsSet(asking: Asking): Promise<AclSet[] | null> {
  return await asking.retry(async () => {
    const answer = await asking.ask(DescribeAcls, () => ({
      resourceTypeFilter: ANY,
      resourceNameFilter: null,
      patternTypeFilter: ANY,
      principalFilter: null,
      hostFilter: null,
      operation: ANY,
      permissionType: ANY,
    }));
    if (answer.errorCode === ErrorCode.SECURITY_DISABLED) return null;
    check(answer.errorCode, "ACLs", answer.errorMessage);
    return answer.resources.flatMap(({ acls, resourceType, resourceName, patternType }) =>
      acls.map((acl) => ({ resourceType, resourceName, patternType, ...acl }))
    );
  });
}

const ANY = 1;

export async function clusterIdOf(asking: Asking): Promise<string> {
  return await asking.retry(async () => {
    const answer = await asking.ask(
      Metadata,
      () => ({ topics: [], allowAutoTopicCreation: false }),
    );
    check(answer.errorCode, "cluster");
    return answer.clusterId ?? "";
  });
}
