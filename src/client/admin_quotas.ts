/** Quotas of users, clients and addresses, as an administrator sees them (KIP-546). */
import { AlterClientQuotas } from "../protocol/messages/alter_client_quotas.ts";
import { DescribeClientQuotas } from "../protocol/messages/describe_client_quotas.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { check } from "./errors.ts";

/** Whose: of a user, a client id, both, or an address; null: the default of those that have none of their own. */
export interface QuotaEntity {
  readonly user?: string | null;
  readonly clientId?: string | null;
  readonly ip?: string | null;
}

export interface Quota {
  readonly entity: QuotaEntity;
  /** By Kafka's names: "producer_byte_rate", "consumer_byte_rate", "request_percentage"… */
  readonly values: Readonly<Record<string, number>>;
}

const TYPES = { user: "user", clientId: "client-id", ip: "ip" } as const;
type Part = keyof typeof TYPES;
const PARTS = Object.keys(TYPES) as Part[];
const EXACT = 0, DEFAULT = 1;

/** All that have this in them. */
export async function describeQuotas(
  cluster: Cluster,
  entity: QuotaEntity,
  call: CallOptions,
): Promise<Quota[]> {
  const components = partsOf(entity).map(({ entityType, entityName }) => ({
    entityType,
    matchType: entityName === null ? DEFAULT : EXACT,
    match: entityName,
  }));
  return await cluster.retry(async () => {
    const connection = await cluster.controllerConnection();
    const version = connection.versionFor(DescribeClientQuotas);
    const request = { components, strict: false };
    const answer = await connection.request(DescribeClientQuotas, version, request);
    check(answer.errorCode, "quotas", answer.errorMessage);
    return (answer.entries ?? []).map(({ entity, values }) => ({
      entity: Object.fromEntries(entity.map(({ entityType, entityName }) => [
        PARTS.find((part) => TYPES[part] === entityType) ?? entityType,
        entityName,
      ])),
      values: Object.fromEntries(values.map(({ key, value }) => [key, value])),
    }));
  }, call);
}

/** Sets each by its name; null removes it. */
export async function alterQuota(
  cluster: Cluster,
  entity: QuotaEntity,
  values: Readonly<Record<string, number | null>>,
  call: CallOptions,
): Promise<void> {
  const ops = Object.entries(values).map(([key, value]) => ({
    key,
    value: value ?? 0,
    remove: value === null,
  }));
  await cluster.retry(async () => {
    const connection = await cluster.controllerConnection();
    const version = connection.versionFor(AlterClientQuotas);
    const { entries: [result] } = await connection.request(AlterClientQuotas, version, {
      entries: [{ entity: partsOf(entity), ops }],
      validateOnly: false,
    });
    check(result.errorCode, `quota of ${JSON.stringify(entity)}`, result.errorMessage);
  }, call);
}

function partsOf(entity: QuotaEntity): { entityType: string; entityName: string | null }[] {
  return PARTS.flatMap((part) => {
    const entityName = entity[part];
    return entityName === undefined ? [] : [{ entityType: TYPES[part], entityName }];
  });
}
