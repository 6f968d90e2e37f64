/**
 * Write state: what was read from a cluster as the text of a state.toml, sorted, so that two exports can be compared.
 * What has no form there is told of, and left out.
 */
import {
  type Acl,
  bit,
  Operation,
  PatternType,
  Permission,
  ResourceType,
  SUPPORTED_OPERATIONS,
} from "../../security/acl/acl.ts";
import { CLIENT_ID, entityError, IP, quotaError, USER } from "../../topics/client_quotas.ts";
import { wordOf } from "../acl/acl_text.ts";
import type { Configs, QuotaState, State } from "./state.ts";
import { tomlConfig, tomlInline, tomlKey, tomlNumber, tomlString } from "./toml_text.ts";

export interface Written {
  readonly text: string;
  /** In a sentence each. */
  readonly leftOut: readonly string[];
}

export function writeState(state: State): Written {
  const leftOut: string[] = [], tables: string[] = [];
  const table = (header: string, lines: readonly string[]) =>
    tables.push([header, ...lines].join("\n") + "\n");
  const shown = (configs: Configs, whose: string) => {
    const hidden = [...configs].filter(([, value]) => value === null).map(([name]) => name);
    for (const name of hidden) leftOut.push(`${name} of ${whose}: it is hidden`);
    return sorted(configs).flatMap(([name, value]) =>
      value === null ? [] : [[name, tomlConfig(value)] as const]
    );
  };
  const lines = (configs: readonly (readonly [string, string])[]) =>
    configs.map(([name, value]) => `${tomlKey(name)} = ${value}`);

  for (const [name, { partitions, replicas, configs }] of sorted(state.topics)) {
    const own = shown(configs, `topic ${name}`);
    table(`[topics.${tomlKey(name)}]`, [
      `partitions = ${partitions}`,
      ...replicas! > 1 ? [`replicas = ${replicas}`] : [],
      ...own.length > 0 ? [`configs = ${tomlInline(own)}`] : [],
    ]);
  }
  for (const [name, configs] of sorted(state.groups)) {
    table(`[groups.${tomlKey(name)}]`, lines(shown(configs, `group ${name}`)));
  }
  const ofBrokers = lines(shown(state.brokers, "all brokers"));
  if (ofBrokers.length > 0) table("[brokers]", ofBrokers);
  for (const [name, { iterations }] of sorted(state.users)) {
    const lines = [...iterations].map(([mechanism, count]) => `${mechanism} = ${count}`);
    table(`[users.${tomlKey(name)}]`, lines);
  }
  for (const quota of state.quotas.values()) {
    const own = quotaLines(quota, leftOut);
    if (own.length > 0) table("[[quotas]]", own);
  }
  for (const lines of aclTables(state.acls.values(), leftOut)) table("[[acls]]", lines);
  return { text: tables.join("\n"), leftOut };
}

function sorted<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => a < b ? -1 : 1);
}

const QUOTA_OF: Readonly<Record<string, string>> = {
  [USER]: "user",
  [CLIENT_ID]: "client_id",
  [IP]: "ip",
};

/** None where the file cannot say it: a newer Kafka may have what nobody here knows. */
function quotaLines({ entity, values }: QuotaState, leftOut: string[]): string[] {
  const whose = entity.map(({ entityType, entityName }) =>
    `${entityType} ${entityName ?? "default"}`
  )
    .join(", ");
  if (entityError(entity) !== null) {
    leftOut.push(`quotas of ${whose}: there is nobody of that kind`);
    return [];
  }
  const known = sorted(values).filter(([key, value]) => {
    const isKnown = quotaError(entity, key, value) === null;
    if (!isKnown) leftOut.push(`${key} of ${whose}: there is no such quota`);
    return isKnown;
  });
  if (known.length === 0) return [];
  // A user before its client id, in whatever order a broker has them.
  const parts = Object.keys(QUOTA_OF).flatMap((type) =>
    entity.filter(({ entityType }) => entityType === type)
  );
  return [
    ...parts.map(({ entityType, entityName }) => {
      const key = QUOTA_OF[entityType];
      return entityName === null ? `default_${key} = true` : `${key} = ${tomlString(entityName)}`;
    }),
    ...known.map(([key, value]) => `${key} = ${tomlNumber(value)}`),
  ];
}

/** One for the operations that are allowed or denied alike. */
function* aclTables(acls: Iterable<Acl>, leftOut: string[]): Generator<string[]> {
  const alike = Map.groupBy(acls, (acl) => JSON.stringify({ ...acl, operation: 0 }));
  const groups = [...alike.values()].sort(([a], [b]) => sortKey(a) < sortKey(b) ? -1 : 1);
  for (const group of groups) {
    const [acl] = group, kind = wordOf(ResourceType, acl.resourceType);
    const words = group.filter((one) => hasForm(one, leftOut))
      .map(({ operation }) => tomlString(wordOf(Operation, operation))).sort();
    if (words.length === 0) continue;
    const permission = acl.permissionType === Permission.DENY ? "deny" : "allow";
    const isCluster = acl.resourceType === ResourceType.CLUSTER;
    yield [
      `user = ${tomlString(userOf(acl.principal))}`,
      `${permission} = [${words.join(", ")}]`,
      `resource = ${tomlString(isCluster ? kind : `${kind}:${acl.resourceName}`)}`,
      ...acl.patternType === PatternType.PREFIXED ? ["prefixed = true"] : [],
      ...acl.host === "*" ? [] : [`host = ${tomlString(acl.host)}`],
    ];
  }
}

function sortKey(
  { principal, resourceType, resourceName, patternType, permissionType, host }: Acl,
) {
  return JSON.stringify([
    principal,
    resourceType,
    resourceName,
    patternType,
    permissionType,
    host,
  ]);
}

/** Whether the file can say it: a newer Kafka may have what nobody here knows, and any some that says nothing. */
function hasForm(acl: Acl, leftOut: string[]): boolean {
  const { resourceType, operation, principal } = acl;
  const supported = SUPPORTED_OPERATIONS[resourceType] ?? 0;
  if (supported !== 0 && ((supported | bit(Operation.ALL)) & bit(operation)) !== 0) return true;
  const what = `${wordOf(Operation, operation)} on ${wordOf(ResourceType, resourceType)}`;
  leftOut.push(`an ACL of ${principal}, ${what} ${acl.resourceName}: there is no such right`);
  return false;
}

/** "alice" for "User:alice", where that reads as the same. */
function userOf(principal: string): string {
  const name = principal.replace(/^User:/, "");
  return principal.startsWith("User:") && name !== "" && !name.includes(":") ? name : principal;
}
