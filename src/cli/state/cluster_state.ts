/** Cluster state: what a cluster has, all of it or as far as a state speaks of it. */
import type { Asking } from "../../client/asking.ts";
import {
  aclsSet,
  configsSet,
  configuredGroups,
  quotasSet,
  scramUsers,
  topicShapes,
} from "../../client/settings.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { KafkaError } from "../../client/errors.ts";
import { SCRAM_HASHES } from "../../security/sasl/scram_credential.ts";
import { entityKey } from "../../topics/client_quotas.ts";
import {
  type Configs,
  type Listed,
  type QuotaState,
  ruleKey,
  type State,
  type TopicState,
  type UserState,
} from "./state.ts";

/** What is to be read; null stands for all there is. */
export interface Scope {
  readonly topics: readonly string[] | null;
  readonly groups: readonly string[] | null;
  readonly brokers: boolean;
  readonly users: boolean;
  readonly quotas: boolean;
  readonly acls: boolean;
  /** Whether a cluster without an authorizer is none to read it from. */
  readonly needsAcls: boolean;
}

export const EVERYTHING: Scope = {
  topics: null,
  groups: null,
  brokers: true,
  users: true,
  quotas: true,
  acls: true,
  needsAcls: false,
};

/** What the names speak of (listedIn()), and those that the last apply listed. */
export function scopeOf(names: Iterable<string>, lastListed: Iterable<string> = []): Scope {
  const topics = new Set<string>(), groups = new Set<string>(), kinds = new Set<string>();
  const parsed = (some: Iterable<string>) => Array.from(some, (name) => JSON.parse(name) as Listed);
  const listed = parsed(names);
  for (const [kind, ...rest] of [...listed, ...parsed(lastListed)]) {
    const [first, second] = rest;
    kinds.add(kind === "config" ? first : kind);
    if (kind === "topic") topics.add(first);
    if (kind === "config" && first === "topic") topics.add(second);
    if (kind === "config" && first === "group") groups.add(second);
  }
  return {
    topics: [...topics],
    groups: [...groups],
    brokers: kinds.has("broker"),
    users: kinds.has("user"),
    quotas: kinds.has("quota"),
    acls: kinds.has("acl"),
    needsAcls: listed.some(([kind]) => kind === "acl"),
  };
}

export interface Found {
  readonly state: State;
  /** What could not be looked at, in a sentence each: only where all there is was asked for. */
  readonly unseen: readonly string[];
}

/** Throws KafkaError. */
export async function clusterState(asking: Asking, scope: Scope): Promise<Found> {
  const unseen: string[] = [];
  const topics = await topicsOf(asking, scope.topics);
  const groups = await groupsOf(asking, scope.groups, unseen);
  const [brokers] = scope.brokers
    ? await configsSet(asking, [{ type: "broker", name: "" }])
    : [new Map<string, string | null>()];
  const users = scope.users ? await usersOf(asking) : new Map();
  const quotas = scope.quotas ? await quotasOf(asking) : new Map();
  const acls = scope.acls ? await aclsSet(asking) : [];
  if (acls === null && scope.needsAcls) {
    throw new KafkaError(
      ErrorCode.SECURITY_DISABLED,
      "ACLs",
      "The file lists ACLs, and the broker has none",
    );
  }
  return {
    state: {
      topics,
      groups,
      brokers,
      users,
      quotas,
      acls: new Map((acls ?? []).map((acl) => [ruleKey(acl), acl])),
    },
    unseen,
  };
}

async function topicsOf(
  asking: Asking,
  names: readonly string[] | null,
): Promise<Map<string, TopicState>> {
  if (names?.length === 0) return new Map();
  const shapes = (await topicShapes(asking, names)).filter(({ isInternal }) => !isInternal);
  const configs = await configsSet(
    asking,
    shapes.map(({ name }) => ({ type: "topic", name })),
  );
  return new Map(
    shapes.map(({ name, partitions, replicas }, at) => [
      name,
      { partitions, replicas, configs: configs[at] },
    ]),
  );
}

async function groupsOf(
  asking: Asking,
  given: readonly string[] | null,
  unseen: string[],
): Promise<Map<string, Configs>> {
  const names = given ?? await configuredGroups(asking);
  if (names === null) {
    unseen.push("configs of groups: the broker cannot tell which groups have some");
  }
  const resources = (names ?? []).map((name) => ({ type: "group", name }) as const);
  const configs = await configsSet(asking, resources);
  return new Map(
    resources.map(({ name }, at): [string, Configs] => [name, configs[at]])
      .filter(([, configs]) => configs.size > 0),
  );
}

async function usersOf(asking: Asking): Promise<Map<string, UserState>> {
  const users = new Map<string, UserState>();
  for (const [name, byNumber] of await scramUsers(asking)) {
    const known = SCRAM_HASHES.filter(({ number }) => byNumber.has(number));
    if (known.length === 0) continue;
    const iterations = new Map(
      known.map(({ mechanism, number }) => [mechanism, byNumber.get(number)!]),
    );
    users.set(name, { iterations, secret: null });
  }
  return users;
}

async function quotasOf(asking: Asking): Promise<Map<string, QuotaState>> {
  const quotas = (await quotasSet(asking)).map(({ entity, values }): [string, QuotaState] => [
    entityKey(entity),
    { entity, values: new Map(values.map(({ key, value }) => [key, value])) },
  ]);
  return new Map(quotas.sort(([a], [b]) => a < b ? -1 : 1));
}
