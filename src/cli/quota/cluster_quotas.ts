/** Quotas of a running cluster, asked for and changed as Kafka's tools do (KIP-546). */
import type { Cluster } from "../../client/cluster.ts";
import { check } from "../../client/errors.ts";
import { AlterClientQuotas } from "../../protocol/messages/alter_client_quotas.ts";
import { DescribeClientQuotas } from "../../protocol/messages/describe_client_quotas.ts";
import type { QuotaEntityPart } from "../../topics/client_quotas.ts";

/** A quota and its value; null takes it away. */
export type QuotaOp = readonly [key: string, value: number | null];

/** Those of whom has all these parts; all where there are none. Throws KafkaError. */
export async function quotasOf(cluster: Cluster, entity: readonly QuotaEntityPart[]) {
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
  return answer.entries ?? [];
}

const EXACT = 0, DEFAULT = 1;

/** All or none. Throws KafkaError. */
export async function alterQuotas(
  cluster: Cluster,
  entity: readonly QuotaEntityPart[],
  ops: readonly QuotaOp[],
): Promise<void> {
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
}
