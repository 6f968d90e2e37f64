/**
 * `runnel quota list|set|unset`: what users, client ids and addresses may use of a running broker, Runnel or any Kafka. What is
 * set is in force when the command ends.
 */
import type { Cluster } from "../client/cluster.ts";
import { check } from "../client/errors.ts";
import { ConfigError } from "../config/load.ts";
import { AlterClientQuotas } from "../protocol/messages/alter_client_quotas.ts";
import { DescribeClientQuotas } from "../protocol/messages/describe_client_quotas.ts";
import {
  CLIENT_ID,
  entityError,
  IP,
  type QuotaEntityPart,
  quotaError,
  USER,
} from "../topics/client_quotas.ts";
import {
  actionOf,
  BOOTSTRAP_FLAGS,
  bootstrapOf,
  clientSecurityOf,
  commandArguments,
  configOf,
  misused,
} from "./arguments.ts";
import { printable, table } from "./table.ts";
import { withCluster } from "./with_cluster.ts";

const ACTIONS = ["list", "set", "unset"] as const;
const FLAGS = {
  ...BOOTSTRAP_FLAGS,
  "--user": "a name",
  "--client-id": "a client id",
  "--ip": "an IP address",
  "--default-user": null,
  "--default-client-id": null,
  "--default-ip": null,
} as const;

/** A quota to set, or, with null, to remove. */
type Op = readonly [key: string, value: number | null];

export async function runQuota(args: readonly string[]): Promise<number> {
  const { words, own, rest } = commandArguments("quota", args, FLAGS);
  const [given, ...named] = words, action = actionOf("quota", given, ACTIONS);
  const entity = entityOf(own);
  if (action === "list" ? named.length > 0 : named.length === 0) {
    const needs = {
      list: "list takes no words",
      set: "set needs KEY=VALUE",
      unset: "unset needs KEY",
    };
    throw misused("quota", needs[action], action);
  }
  const ops = named.map((word) => action === "set" ? settingOf(word) : [word, null] as const);
  if (action !== "list") checkOps(entity, ops);
  const config = await configOf(rest);
  const reached = { bootstrap: bootstrapOf(own, config), security: clientSecurityOf(own, config) };
  return await withCluster(reached, async (cluster) => {
    return action === "list" ? await list(cluster, entity) : await alter(cluster, entity, ops);
  });
}

function entityOf(own: ReadonlyMap<string, string>): readonly QuotaEntityPart[] {
  return [USER, CLIENT_ID, IP].flatMap((entityType) => {
    const name = own.get(`--${entityType}`), isDefault = own.has(`--default-${entityType}`);
    if (name !== undefined && isDefault) {
      throw new ConfigError(`quota: --${entityType} and --default-${entityType} are both given`);
    }
    return name !== undefined || isDefault ? [{ entityType, entityName: name ?? null }] : [];
  });
}

function settingOf(word: string): Op {
  const [, key, text] = /^([^=]+)=(.+)$/.exec(word) ?? [], value = Number(text);
  if (key === undefined || text.trim() === "" || Number.isNaN(value)) {
    throw new ConfigError(`quota: "${word}" is no KEY=VALUE, such as producer_byte_rate=1000000`);
  }
  return [key, value];
}

function checkOps(entity: readonly QuotaEntityPart[], ops: readonly Op[]): void {
  const error = entity.length === 0
    ? "whose it is is missing: --user NAME, --client-id ID, both, or --ip ADDRESS; or the default of one"
    : entityError(entity) ?? ops.map(([key, value]) => quotaError(entity, key, value ?? 1))
      .find((error) => error !== null) ??
      null;
  if (error === null) return;
  const isKey = error.startsWith("Invalid configuration key");
  throw new ConfigError(
    `quota: ${error}${isKey ? ": `runnel quota --help` has those there are" : ""}`,
  );
}

async function list(cluster: Cluster, entity: readonly QuotaEntityPart[]): Promise<number> {
  const connection = await cluster.controllerConnection();
  const answer = await connection.request(
    DescribeClientQuotas,
    connection.versionFor(DescribeClientQuotas),
    {
      components: entity.map(({ entityType, entityName }) => ({
        entityType,
        matchType: entityName === null ? DEFAULT : EXACT,
        match: entityName,
      })),
      strict: false,
    },
  );
  check(answer.errorCode, "quotas", answer.errorMessage);
  const rows = (answer.entries ?? []).flatMap(({ entity, values }) => {
    const name = (type: string) => {
      const part = entity.find(({ entityType }) => entityType === type);
      return part === undefined ? "" : part.entityName ?? "(default)";
    };
    return values.map(({ key, value }) => [name(USER), name(CLIENT_ID), name(IP), key, `${value}`]);
  });
  console.log(table(["USER", "CLIENT ID", "IP", "QUOTA", "VALUE"], rows.sort()).join("\n"));
  return 0;
}

const EXACT = 0, DEFAULT = 1;

async function alter(
  cluster: Cluster,
  entity: readonly QuotaEntityPart[],
  ops: readonly Op[],
): Promise<number> {
  const connection = await cluster.controllerConnection();
  const { entries: [result] } = await connection.request(
    AlterClientQuotas,
    connection.versionFor(AlterClientQuotas),
    {
      entries: [{
        entity,
        ops: ops.map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
      }],
      validateOnly: false,
    },
  );
  check(result.errorCode, "the quota", result.errorMessage);
  const whose = entity.map(({ entityType, entityName }) =>
    entityName === null ? `the default of ${entityType}s` : `${entityType} ${entityName}`
  ).join(" with ");
  for (const [key, value] of ops) {
    console.log(printable(`${whose}: ${key} ${value === null ? "is not set" : `is ${value}`}`));
  }
  return 0;
}
