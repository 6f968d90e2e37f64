/**
 * Plan: from the state that is wanted and the one there is to the changes that lead there, in an order in which each can
 * be done and a stop in between leaves nothing open that the state closes:
 *
 *     1. users           who logs in is there before rules name it
 *     2. ACLs that deny, then those that allow; before the topics they are of, which are never there without
 *     3. topics, partitions, configs, quotas
 *     4. what is taken away: configs, quotas, topics, users, ACLs that allow, then those that deny
 *
 * What a state does not list stays as it is. Taken away is only what the last apply listed and this one does not, and
 * only where that is asked for.
 */
import type { ConfigResource } from "../../client/admin.ts";
import { type Acl, Permission } from "../../security/acl/acl.ts";
import { locksEverybodyOut } from "../../security/acl/administrators.ts";
import { entityKey, type QuotaEntityPart } from "../../topics/client_quotas.ts";
import { sameValue } from "./same_value.ts";
import {
  type Configs,
  type Listed,
  listedIn,
  type Mechanism,
  ruleKey,
  type State,
  type TopicState,
} from "./state.ts";

export type Change =
  | { readonly kind: "user"; readonly name: string; readonly credential: PlannedCredential }
  | { readonly kind: "acl"; readonly acl: Acl }
  | { readonly kind: "topic"; readonly name: string; readonly topic: TopicState }
  | {
    readonly kind: "partitions";
    readonly name: string;
    readonly before: number;
    readonly after: number;
  }
  | { readonly kind: "configs"; readonly resource: ConfigResource; readonly values: Values<string> }
  | {
    readonly kind: "quota";
    readonly entity: readonly QuotaEntityPart[];
    readonly values: Values<number>;
  }
  | { readonly kind: "remove topic"; readonly name: string }
  | { readonly kind: "remove user"; readonly name: string; readonly mechanism: Mechanism }
  | { readonly kind: "remove acl"; readonly acl: Acl };

/** By name: from what to what; null is what is not set. Not all of one change is taken away while some is set. */
export type Values<Value> = ReadonlyMap<
  string,
  { readonly before: Value | null; readonly after: Value | null }
>;

export interface PlannedCredential {
  readonly mechanism: Mechanism;
  /** Null: there is none so far. */
  readonly before: number | null;
  /** Null: the default. */
  readonly after: number | null;
  /** Whether it is set though nothing shows that it has to be. */
  readonly isRotated: boolean;
}

export interface Plan {
  readonly changes: readonly Change[];
  /** What the state wants and no change can do, in a sentence each: nothing is to be done then. */
  readonly problems: readonly string[];
  /** What the last apply listed, this one does not, and is there still. */
  readonly unlisted: readonly Change[];
}

export interface PlanOptions {
  /** The names that the last apply listed, as listedIn() has them; null: there is none. */
  readonly lastListed: ReadonlySet<string> | null;
  /** Whether what is unlisted is to be taken away. */
  readonly prune: boolean;
  /** Users whose passwords are set anew. */
  readonly rotate: ReadonlySet<string>;
  /** Whether ACLs may leave nobody who may change them. */
  readonly force: boolean;
}

export function planOf(wanted: State, actual: State, options: PlanOptions): Plan {
  const problems: string[] = [];
  const changes = [
    ...userChanges(wanted, actual, { rotate: options.rotate, problems }),
    ...aclChanges(wanted, actual),
    ...topicChanges(wanted, actual, problems),
    ...configChanges(wanted, actual, problems),
    ...quotaChanges(wanted, actual),
  ];
  const unlisted = removals(wanted, actual, options.lastListed ?? new Set());
  if (options.prune) changes.push(...unlisted);
  if (!options.force) problems.push(...lockOut(actual, changes));
  return { changes, problems, unlisted: options.prune ? [] : unlisted };
}

/** The names, as listedIn() has them, of what a change makes that was not there. */
export function madeBy(change: Change): string[] {
  const names = (...some: Listed[]) => some.map((name) => JSON.stringify(name));
  switch (change.kind) {
    case "user": {
      const { name, credential: { mechanism, before } } = change;
      return before === null ? names(["user", name, mechanism]) : [];
    }
    case "acl":
      return names(["acl", ruleKey(change.acl)]);
    case "topic": {
      const { name, topic: { configs } } = change;
      const ofConfigs = Array.from(configs.keys(), (key): Listed => ["config", "topic", name, key]);
      return names(["topic", name], ...ofConfigs);
    }
    case "configs": {
      const { resource: { type, name }, values } = change;
      return names(...newIn(values).map((key): Listed => ["config", type, name, key]));
    }
    case "quota": {
      const id = entityKey(change.entity);
      return names(...newIn(change.values).map((key): Listed => ["quota", id, key]));
    }
    default:
      return [];
  }
}

function newIn(values: Values<unknown>): string[] {
  return [...values].filter(([, { before }]) => before === null).map(([key]) => key);
}

function* userChanges(
  wanted: State,
  actual: State,
  { rotate, problems }: { readonly rotate: ReadonlySet<string>; readonly problems: string[] },
): Generator<Change> {
  for (const [name, { iterations, secret }] of wanted.users) {
    for (const [mechanism, after] of iterations) {
      const before = actual.users.get(name)?.iterations.get(mechanism) ?? null;
      const isRight = before !== null && (after === null || after === before);
      const isRotated = isRight && rotate.has(name);
      if (isRight && !isRotated) continue;
      if (secret === null) {
        const has = before === null ? "none" : `one of ${before} iterations`;
        problems.push(
          `user ${name}: the cluster has ${has} by ${mechanism}, and to set one needs a password: password_file or password_env`,
        );
        continue;
      }
      yield { kind: "user", name, credential: { mechanism, before, after, isRotated } };
    }
  }
}

function aclChanges(wanted: State, actual: State): Change[] {
  const missing = [...wanted.acls].filter(([key]) => !actual.acls.has(key)).map(([, acl]) => acl);
  const isDeny = ({ permissionType }: Acl) => permissionType === Permission.DENY;
  const denies = missing.filter(isDeny), allows = missing.filter((acl) => !isDeny(acl));
  return [...denies, ...allows].map((acl) => ({ kind: "acl", acl }));
}

function topicChanges(wanted: State, actual: State, problems: string[]): Change[] {
  const made: Change[] = [], grown: Change[] = [];
  for (const [name, topic] of wanted.topics) {
    const there = actual.topics.get(name);
    if (there === undefined) {
      made.push({ kind: "topic", name, topic });
      continue;
    }
    const before = there.partitions!, after = topic.partitions ?? before;
    if (after < before) {
      problems.push(`topic ${name} has ${before} partitions and cannot have fewer: not ${after}`);
    } else if (after > before) grown.push({ kind: "partitions", name, before, after });
    if (topic.replicas !== null && topic.replicas !== there.replicas) {
      problems.push(
        `topic ${name} has ${there.replicas} replicas, not ${topic.replicas}: apply moves none (kafka-reassign-partitions does)`,
      );
    }
  }
  return [...made, ...grown];
}

function* configChanges(wanted: State, actual: State, problems: string[]): Generator<Change> {
  for (const [resource, configs] of configsIn(wanted)) {
    const { type, name } = resource;
    if (type === "topic" && !actual.topics.has(name)) continue; // it is made with them
    const there = configsOf(actual, resource), values = new Map();
    for (const [key, after] of configs) {
      const before = there.get(key);
      if (before === null) {
        problems.push(
          `${key} of ${type} ${
            name || "default"
          } is hidden, so that what it is cannot be told: leave it out`,
        );
      } else if (before === undefined || !sameValue(before, after!)) {
        values.set(key, { before: before ?? null, after });
      }
    }
    if (values.size > 0) yield { kind: "configs", resource, values };
  }
}

/** Every resource that a state has configs of, and these. */
function* configsIn(state: State): Generator<[ConfigResource, Configs]> {
  for (const [name, { configs }] of state.topics) yield [{ type: "topic", name }, configs];
  for (const [name, configs] of state.groups) yield [{ type: "group", name }, configs];
  yield [ALL_BROKERS, state.brokers];
}

const ALL_BROKERS: ConfigResource = { type: "broker", name: "" };
const NONE: Configs = new Map();

function configsOf(state: State, { type, name }: ConfigResource): Configs {
  if (type === "broker") return state.brokers;
  return (type === "topic" ? state.topics.get(name)?.configs : state.groups.get(name)) ?? NONE;
}

function* quotaChanges(wanted: State, actual: State): Generator<Change> {
  for (const [id, { entity, values: all }] of wanted.quotas) {
    const values = new Map();
    for (const [key, after] of all) {
      const before = actual.quotas.get(id)?.values.get(key) ?? null;
      if (before !== after) values.set(key, { before, after });
    }
    if (values.size > 0) yield { kind: "quota", entity, values };
  }
}

/** Of what was listed and is no more: what is there. */
function removals(wanted: State, actual: State, lastListed: ReadonlySet<string>): Change[] {
  const listed = listedIn(wanted);
  const gone = [...lastListed].filter((name) => !listed.has(name))
    .map((name) => JSON.parse(name) as Listed);
  const named = (kind: Listed[0]) =>
    gone.filter((one) => one[0] === kind).map(([, ...rest]) => rest);
  const topics = named("topic").map(([name]) => name).filter((name) => actual.topics.has(name));
  const without = new Set(topics);
  const users = named("user").flatMap(([name, mechanism]): Change[] => {
    const isThere = actual.users.get(name)?.iterations.has(mechanism as Mechanism) ?? false;
    return isThere ? [{ kind: "remove user", name, mechanism: mechanism as Mechanism }] : [];
  });
  const acls = named("acl").flatMap(([key]) => actual.acls.get(key) ?? []);
  const isDeny = ({ permissionType }: Acl) => permissionType === Permission.DENY;
  const inOrder = [...acls.filter((acl) => !isDeny(acl)), ...acls.filter(isDeny)];
  return [
    ...unsetConfigs(actual, named("config"), without),
    ...unsetQuotas(actual, named("quota")),
    ...topics.map((name): Change => ({ kind: "remove topic", name })),
    ...users,
    ...inOrder.map((acl): Change => ({ kind: "remove acl", acl })),
  ];
}

function* unsetConfigs(
  actual: State,
  names: readonly (readonly string[])[],
  topicsGone: ReadonlySet<string>,
): Generator<Change> {
  const byResource = Map.groupBy(names, ([type, name]) => JSON.stringify([type, name]));
  for (const some of byResource.values()) {
    const [[type, name]] = some, resource = { type: type as "topic", name };
    if (type === "topic" && topicsGone.has(name)) continue;
    const there = configsOf(actual, resource);
    const values = new Map(
      some.filter(([, , key]) => there.has(key))
        .map(([, , key]) => [key, { before: there.get(key)!, after: null }]),
    );
    if (values.size > 0) yield { kind: "configs", resource, values };
  }
}

function* unsetQuotas(actual: State, names: readonly (readonly string[])[]): Generator<Change> {
  for (const [id, some] of Map.groupBy(names, ([entity]) => entity)) {
    const there = actual.quotas.get(id);
    if (there === undefined) continue;
    const values = new Map(
      some.filter(([, key]) => there.values.has(key))
        .map(([, key]) => [key, { before: there.values.get(key)!, after: null }]),
    );
    if (values.size > 0) yield { kind: "quota", entity: there.entity, values };
  }
}

/** As `runnel acl` refuses it. */
function lockOut(actual: State, changes: readonly Change[]): string[] {
  const after = new Map(actual.acls);
  for (const change of changes) {
    if (change.kind === "acl") after.set(ruleKey(change.acl), change.acl);
    if (change.kind === "remove acl") after.delete(ruleKey(change.acl));
  }
  return locksEverybodyOut([...actual.acls.values()], [...after.values()])
    ? [
      "the ACLs would leave nobody who may change ACLs by ACLs; afterwards only super users of the broker's configuration can. Do it with --force",
    ]
    : [];
}
