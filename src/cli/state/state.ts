/**
 * State: what a cluster is to have, as state.toml says it (docs/state.md), or has, as it was read from there.
 *
 * A state says nothing of what is not in it. Each thing it lists has a name, `Listed`, by which applies remember what
 * they listed: a topic, each config of it, each credential of a user, each ACL, each value of a quota.
 */
import { type Acl, aclKey, sameHost } from "../../security/acl/acl.ts";
import { entityKey, type QuotaEntityPart } from "../../topics/client_quotas.ts";

export interface State {
  readonly topics: ReadonlyMap<string, TopicState>;
  /** By group. */
  readonly groups: ReadonlyMap<string, Configs>;
  /** Of all brokers, where none has its own. */
  readonly brokers: Configs;
  readonly users: ReadonlyMap<string, UserState>;
  /** By entityKey(). */
  readonly quotas: ReadonlyMap<string, QuotaState>;
  /** By ruleKey(). */
  readonly acls: ReadonlyMap<string, Acl>;
}

/** What was set, by name. Null: something that the broker does not show. */
export type Configs = ReadonlyMap<string, string | null>;

export interface TopicState {
  /** Null, of a state that is wanted: the broker's default where it is made, and any number else. */
  readonly partitions: number | null;
  /** The same. */
  readonly replicas: number | null;
  readonly configs: Configs;
}

export interface UserState {
  /** By mechanism; null, of a state that is wanted: any number of them. */
  readonly iterations: ReadonlyMap<Mechanism, number | null>;
  /** Null where none is named, and always of what was read from a cluster. */
  readonly secret: Secret | null;
}

export type Mechanism = "SCRAM-SHA-256" | "SCRAM-SHA-512";

/** Where a password is. It is read when it is needed. */
export type Secret =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "text"; readonly password: string };

export interface QuotaState {
  readonly entity: readonly QuotaEntityPart[];
  readonly values: ReadonlyMap<string, number>;
}

/** The same text for ACLs that say the same, however their hosts are written. */
export function ruleKey(acl: Acl): string {
  return aclKey({ ...acl, host: sameHost(acl.host) });
}

/** The name of one thing: "topic", "orders"; "config", "topic", "orders", "retention.ms"; … */
export type Listed = readonly [kind: "topic" | "config" | "user" | "quota" | "acl", ...string[]];

/** The names of all a state lists, as JSON. */
export function listedIn(state: State): Set<string> {
  const names = new Set<string>(), list = (...name: Listed) => names.add(JSON.stringify(name));
  const listConfigs = (type: string, name: string, configs: Configs) => {
    for (const key of configs.keys()) list("config", type, name, key);
  };
  for (const [name, { configs }] of state.topics) {
    list("topic", name);
    listConfigs("topic", name, configs);
  }
  for (const [name, configs] of state.groups) listConfigs("group", name, configs);
  listConfigs("broker", "", state.brokers);
  for (const [name, { iterations }] of state.users) {
    for (const mechanism of iterations.keys()) list("user", name, mechanism);
  }
  for (const { entity, values } of state.quotas.values()) {
    for (const key of values.keys()) list("quota", entityKey(entity), key);
  }
  for (const key of state.acls.keys()) list("acl", key);
  return names;
}
