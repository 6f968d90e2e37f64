/**
 * Read state: the text of a state.toml as a State. Strict: what is unknown, of another kind, or a name or value that
 * Kafka refuses, is a ConfigError with its line. Whether a broker takes a config is the broker's to say.
 */
import { dirname, isAbsolute, join } from "node:path";
import { ConfigError } from "../../config/load.ts";
import { aclFault } from "../../security/acl/acl_faults.ts";
import type { Acl } from "../../security/acl/acl.ts";
import { MAX_ITERATIONS, MIN_ITERATIONS } from "../../security/sasl/users_text.ts";
import {
  CLIENT_ID,
  entityError,
  entityKey,
  IP,
  type QuotaEntityPart,
  quotaError,
  USER,
} from "../../topics/client_quotas.ts";
import { isInternalTopic, topicNameError } from "../../topics/names.ts";
import { aclFrom } from "../acl/acl_text.ts";
import {
  type Mechanism,
  type QuotaState,
  ruleKey,
  type Secret,
  type State,
  type TopicState,
  type UserState,
} from "./state.ts";
import { TomlReader } from "./toml_reader.ts";
import { tomlTree } from "./toml_tree.ts";

/** Where a text comes from. */
export interface Source {
  /** Its path, for complaints and for what it names beside it; "-" for standard input. */
  readonly path: string;
  /** Permission bits; null where there are none to go by. */
  readonly mode: number | null;
}

export const MAX_STATE_BYTES = 4 << 20;

/** Throws ConfigError. */
export async function readState(text: string, source: Source): Promise<State> {
  const name = source.path === "-" ? "standard input" : source.path;
  const file = new TomlReader(await tomlTree(text, name), { name: "", source: name });
  file.only(["topics", "groups", "brokers", "users", "quotas", "acls"]);
  return {
    topics: new Map(file.inner("topics").innerEach().map((one) => [one[0], topicOf(...one)])),
    groups: new Map(
      file.inner("groups").innerEach().map(([name, group]) => {
        mustBeName(group, name);
        return [name, group.configs()];
      }),
    ),
    brokers: file.inner("brokers").configs(),
    users: new Map(
      file.inner("users").innerEach().map(([name, user]) => [name, userOf(name, user, source)]),
    ),
    quotas: quotasOf(file.innerList("quotas")),
    acls: new Map(file.innerList("acls").flatMap(aclsOf).map((acl) => [ruleKey(acl), acl])),
  };
}

const INT32_MAX = 0x7fffffff;

function topicOf(name: string, topic: TomlReader): TopicState {
  const error = topicNameError(name);
  if (error !== null) throw topic.fault(error);
  if (isInternalTopic(name)) throw topic.fault("is the broker's own: leave it out");
  topic.only(["partitions", "replicas", "configs"], (key) => {
    const isTopic = topic.table.entries.get(key)?.kind === "table" && key !== "config";
    return isTopic ? `; a name with dots needs quotes: [topics."${name}.${key}"]` : "";
  });
  return {
    partitions: topic.whole("partitions", { min: 1, max: INT32_MAX }),
    replicas: topic.whole("replicas", { min: 1, max: 0x7fff }),
    configs: topic.inner("configs").configs(),
  };
}

/** As long as a text of Kafka's protocol may be. */
const MAX_NAME_BYTES = 0x7fff;

function mustBeName(reader: TomlReader, name: string): void {
  if (name === "") throw reader.fault("needs a name that is not empty");
  const { length } = new TextEncoder().encode(name);
  if (length > MAX_NAME_BYTES) {
    throw reader.fault(`has a name of ${length} bytes, allowed are ${MAX_NAME_BYTES}`);
  }
}

const MECHANISMS: readonly Mechanism[] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];
const SECRETS = ["password_file", "password_env", "password"] as const;

function userOf(name: string, user: TomlReader, source: Source): UserState {
  mustBeName(user, name);
  user.only([...MECHANISMS, ...SECRETS]);
  const named = MECHANISMS.filter((mechanism) => user.table.entries.has(mechanism));
  const range = { min: MIN_ITERATIONS, max: MAX_ITERATIONS };
  return {
    iterations: new Map(
      (named.length === 0 ? MECHANISMS : named).map((one) => [one, user.whole(one, range)]),
    ),
    secret: secretOf(user, source),
  };
}

function secretOf(user: TomlReader, { path, mode }: Source): Secret | null {
  const given = SECRETS.filter((key) => user.table.entries.has(key));
  if (given.length === 0) return null;
  if (given.length > 1) throw user.fault(`${given.join(" and ")} are both given: say it in one`);
  const [key] = given, text = user.text(key)!;
  if (text === "") throw user.fault("is empty", key);
  switch (key) {
    case "password_file":
      return { kind: "file", path: isAbsolute(text) ? text : join(dirname(path), text) };
    case "password_env":
      return { kind: "env", name: text };
    case "password":
      if (path === "-") throw user.fault("needs password_file or password_env here", key);
      if (mode !== null && (mode & 0o077) !== 0) {
        throw user.fault(`is a secret, but others can read the file: chmod 600 ${path}`, key);
      }
      return { kind: "text", password: text };
  }
}

function aclsOf(rule: TomlReader): Acl[] {
  rule.only(["user", "allow", "deny", "resource", "prefixed", "host"]);
  const user = rule.text("user"), resource = rule.text("resource");
  const allow = rule.texts("allow"), deny = rule.texts("deny"), host = rule.text("host");
  if (user === null || user === "") throw rule.fault("needs user, whose it is");
  if (resource === null) throw rule.fault("needs resource, such as topic:orders or cluster");
  if ((allow === null) === (deny === null)) throw rule.fault("needs one of allow and deny");
  if (host === "") throw rule.fault("is empty", "host");
  const details = { isPrefixed: rule.flag("prefixed"), isDenied: deny !== null, host };
  return (allow ?? deny)!.map((operation) => {
    const acl = aclIn(rule, [user, operation, resource], details), fault = aclFault(acl);
    if (fault !== null) throw rule.fault(fault);
    return acl;
  });
}

function aclIn(
  rule: TomlReader,
  words: readonly [string, string, string],
  details: Parameters<typeof aclFrom>[1],
): Acl {
  try {
    return aclFrom(words, details);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw rule.fault(error.message.replace(/^acl: /, ""));
  }
}

/** Who a quota is for, by the file's key of it. */
const ENTITIES = { user: USER, client_id: CLIENT_ID, ip: IP } as const;
const QUOTA_KEYS = [
  "producer_byte_rate",
  "consumer_byte_rate",
  "request_percentage",
  "controller_mutation_rate",
  "connection_creation_rate",
] as const;

function quotasOf(readers: readonly TomlReader[]): Map<string, QuotaState> {
  const quotas = new Map<string, QuotaState>();
  for (const reader of readers) {
    const quota = quotaOf(reader), key = entityKey(quota.entity);
    if (quotas.has(key)) throw reader.fault("is of what another one before it is of");
    quotas.set(key, quota);
  }
  return quotas;
}

function quotaOf(quota: TomlReader): QuotaState {
  const names = Object.keys(ENTITIES) as (keyof typeof ENTITIES)[];
  quota.only([...names, ...names.map((name) => `default_${name}`), ...QUOTA_KEYS]);
  const entity = names.flatMap((name): QuotaEntityPart[] => {
    const own = quota.text(name), isDefault = quota.flag(`default_${name}`);
    if (own !== null && isDefault) throw quota.fault(`${name} and default_${name} are both given`);
    const part = { entityType: ENTITIES[name], entityName: own };
    return own !== null || isDefault ? [part] : [];
  });
  const error = entity.length === 0
    ? "needs user, client_id, both, or ip; or the default of one, as default_user = true"
    : entityError(entity);
  if (error !== null) throw quota.fault(error);
  const values = new Map<string, number>();
  for (const key of QUOTA_KEYS) {
    const value = quota.number(key);
    if (value === null) continue;
    const error = quotaError(entity, key, value);
    if (error !== null) throw quota.fault(error, key);
    values.set(key, value);
  }
  if (values.size === 0) throw quota.fault(`needs one of ${QUOTA_KEYS.join(", ")}`);
  return { entity, values };
}
