/** Random states: what a cluster might have, with names that somebody chose to do harm, and what becomes of one. */
import type { Change } from "../cli/state/plan.ts";
import {
  type Mechanism,
  type QuotaState,
  ruleKey,
  type State,
  type TopicState,
  type UserState,
} from "../cli/state/state.ts";
import { type Acl, bit, Operation, SUPPORTED_OPERATIONS } from "../security/acl/acl.ts";
import { entityKey, type QuotaEntityPart } from "../topics/client_quotas.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** Names that groups, users and prefixes may have. */
export const HOSTILE_NAMES: readonly string[] = [
  "plain",
  "with.dots",
  "with space ",
  '"quoted"',
  "it's",
  "back\\slash\\n",
  "$(id)",
  "`id`",
  "]\n[topics.evil]",
  "tab\tand\rreturn",
  "\x00\x01\x1b[31m\x7f\x9b",
  "\u202eright to left",
  "\u2028\u2029",
  "ünï → 漢字 😀",
  "__proto__",
  "constructor",
  "# no comment",
  "=1+1",
];
const TOPICS = ["a", "b.c", "d-e_f", "UPPER", "0", "...a", "__proto__"];

/** By name: the values that are picked from. */
type Choices = Readonly<Record<string, readonly string[]>>;

export interface RandomStateOptions {
  readonly topicConfigs: Choices;
  readonly groupConfigs: Choices;
  readonly brokerConfigs: Choices;
}

const ODD = [
  "1",
  "-1",
  "0.5",
  "true",
  "",
  "compact,delete",
  "007",
  "  ",
  '"',
  "a\nb",
  "9007199254740993",
];
const MADE_UP: Choices = { "retention.ms": ODD, "cleanup.policy": ODD, x: ODD, ["__proto__"]: ODD };
/** What no broker would take. */
const ANY: RandomStateOptions = {
  topicConfigs: MADE_UP,
  groupConfigs: MADE_UP,
  brokerConfigs: MADE_UP,
};
/** What a broker takes, in the form in which it shows them. */
export const VALID: RandomStateOptions = {
  topicConfigs: {
    "retention.ms": ["-1", "60000", "9223372036854775807"],
    "cleanup.policy": ["compact", "delete", "compact,delete"],
    "min.cleanable.dirty.ratio": ["0.5", "0.25"],
    "preallocate": ["true", "false"],
    "compression.type": ["zstd", "producer"],
  },
  groupConfigs: {
    "consumer.session.timeout.ms": ["45000", "50000", "60000"],
    "consumer.heartbeat.interval.ms": ["5000", "6000"],
  },
  brokerConfigs: {
    "log.retention.ms": ["60000", "70000"],
    "log.segment.bytes": ["1048576", "2097152"],
  },
};
const MECHANISMS: readonly Mechanism[] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

/** Of few names, so that two of them have much in common. */
export function randomState(
  random: SeededRandom,
  { topicConfigs, groupConfigs, brokerConfigs }: RandomStateOptions = ANY,
): State {
  const some = <T>(from: readonly T[]) => from.filter(() => random.oneIn(3));
  const names = HOSTILE_NAMES;
  const configs = (choices: Choices) =>
    new Map(some(Object.keys(choices)).map((name) => [name, random.pick(choices[name])]));
  const acls = Array.from({ length: random.below(12) }, () => randomAcl(random, names));
  const quotas = Array.from({ length: random.below(6) }, () => randomQuota(random, names));
  return {
    topics: new Map(
      some(TOPICS).map((name): [string, TopicState] => [name, {
        partitions: 1 + random.below(8),
        replicas: 1,
        configs: configs(topicConfigs),
      }]),
    ),
    groups: new Map(
      some(names).map((name) => [name, configs(groupConfigs)] as const).filter(([, { size }]) =>
        size > 0
      ),
    ),
    brokers: configs(brokerConfigs),
    users: new Map(
      some(names).map((name): [string, UserState] => {
        const all = MECHANISMS.filter(() => random.oneIn(2));
        const mechanisms = all.length === 0 ? [random.pick(MECHANISMS)] : all;
        const iterations = new Map(mechanisms.map((one) => [one, 4096 + random.below(3)]));
        return [name, { iterations, secret: null }];
      }),
    ),
    quotas: new Map(quotas.map((quota) => [entityKey(quota.entity), quota])),
    acls: new Map(acls.map((acl) => [ruleKey(acl), acl])),
  };
}

function randomAcl(random: SeededRandom, names: readonly string[]): Acl {
  const resourceType = 2 + random.below(6), isCluster = resourceType === 4;
  const operations = Object.values(Operation).filter((operation) =>
    ((SUPPORTED_OPERATIONS[resourceType] | bit(Operation.ALL)) & bit(operation)) !== 0
  );
  return {
    resourceType,
    resourceName: isCluster ? "kafka-cluster" : random.pick([...names, "*"]),
    patternType: 3 + random.below(2),
    principal: `${random.pick(["User", "User", "Group"])}:${random.pick([...names, "*", "a:b"])}`,
    host: random.pick(["*", "*", "10.0.0.1", "::1", '"']),
    operation: random.pick(operations),
    permissionType: 2 + random.below(2),
  };
}

function randomQuota(random: SeededRandom, names: readonly string[]): QuotaState {
  const name = () => random.oneIn(4) ? null : random.pick(names);
  const entity: QuotaEntityPart[] = random.oneIn(4)
    ? [{ entityType: "ip", entityName: random.pick([null, "10.0.0.1", "::1"]) }]
    : random.oneIn(3)
    ? [{ entityType: "user", entityName: name() }, { entityType: "client-id", entityName: name() }]
    : [{ entityType: random.pick(["user", "client-id"]), entityName: name() }];
  const values = new Map<string, number>();
  if (entity[0].entityType === "ip") values.set("connection_creation_rate", 1 + random.below(9));
  else {
    values.set("producer_byte_rate", random.pick([1, 1e6, 2 ** 53 - 1, 2 ** 60]));
    if (random.oneIn(2)) values.set("request_percentage", random.pick([50, 50.5, 1e-7, 1e21]));
  }
  return { entity, values };
}

const SECRET = { kind: "text", password: "pw" } as const;

/** The same with a password for each user, and no fewer partitions than there are. */
export function reachable(wanted: State, actual: State): State {
  return {
    ...wanted,
    users: new Map([...wanted.users].map(([name, user]) => [name, { ...user, secret: SECRET }])),
    topics: new Map([...wanted.topics].map(([name, topic]) => {
      const partitions = Math.max(topic.partitions!, actual.topics.get(name)?.partitions ?? 0);
      return [name, { ...topic, partitions }];
    })),
  };
}

/** The state after a change, as a broker would have it: what cannot be is an error. */
export function changed(state: State, change: Change): State {
  const topics = new Map(state.topics), groups = new Map(state.groups), acls = new Map(state.acls);
  const users = new Map(state.users), quotas = new Map(state.quotas);
  let { brokers } = state;
  switch (change.kind) {
    case "topic":
      if (topics.has(change.name)) throw new Error(`${change.name} is there`);
      topics.set(change.name, change.topic);
      break;
    case "partitions": {
      const topic = topics.get(change.name)!;
      if (topic.partitions !== change.before) {
        throw new Error(`${change.name} had other partitions`);
      }
      if (change.after <= change.before) throw new Error(`${change.name} would shrink`);
      topics.set(change.name, { ...topic, partitions: change.after });
      break;
    }
    case "configs": {
      const { resource: { type, name }, values } = change;
      if (type === "topic") {
        const topic = topics.get(name)!;
        topics.set(name, { ...topic, configs: withValues(topic.configs, values) });
      } else if (type === "group") {
        const configs = withValues(groups.get(name) ?? new Map(), values);
        if (configs.size > 0) groups.set(name, configs);
        else groups.delete(name);
      } else brokers = withValues(brokers, values);
      break;
    }
    case "quota": {
      const id = entityKey(change.entity);
      const values = withValues(quotas.get(id)?.values ?? new Map(), change.values);
      if (values.size > 0) quotas.set(id, { entity: change.entity, values });
      else quotas.delete(id);
      break;
    }
    case "user": {
      const { mechanism, before, after } = change.credential;
      const iterations = new Map(users.get(change.name)?.iterations);
      iterations.set(mechanism, after ?? before ?? 4096);
      users.set(change.name, { iterations, secret: null });
      break;
    }
    case "acl":
      acls.set(ruleKey(change.acl), change.acl);
      break;
    case "remove topic":
      if (!topics.delete(change.name)) throw new Error(`${change.name} is not there`);
      break;
    case "remove user": {
      const iterations = new Map(users.get(change.name)!.iterations);
      if (!iterations.delete(change.mechanism)) throw new Error(`${change.name} has none`);
      if (iterations.size > 0) users.set(change.name, { iterations, secret: null });
      else users.delete(change.name);
      break;
    }
    case "remove acl":
      if (!acls.delete(ruleKey(change.acl))) throw new Error("the ACL is not there");
  }
  return { topics, groups, brokers, users, quotas, acls };
}

function withValues<Value>(
  before: ReadonlyMap<string, Value>,
  values: ReadonlyMap<string, { readonly after: Value | null }>,
): Map<string, Value> {
  const after = new Map(before);
  for (const [name, value] of values) {
    if (value.after === null) after.delete(name);
    else after.set(name, value.after);
  }
  return after;
}
