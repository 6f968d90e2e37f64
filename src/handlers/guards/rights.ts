/** The rights that guards ask, by name, and the words of a refusal. */
import { ErrorCode, errorMessage } from "../../protocol/errors.ts";
import { Operation, ResourceType } from "../../security/acl/acl.ts";
import type { Ask } from "../guard.ts";

const of = (resourceType: number) => (operation: number): Ask => ({ operation, resourceType });

export const onTopic = of(ResourceType.TOPIC);
export const onGroup = of(ResourceType.GROUP);
export const onCluster = of(ResourceType.CLUSTER);
export const onDelegationToken = of(ResourceType.DELEGATION_TOKEN);
export const onUser = of(ResourceType.USER);
export const onTransactionalId = of(ResourceType.TRANSACTIONAL_ID);

export const { READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE } = Operation;
export const { CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS } = Operation;
export const { CREATE_TOKENS, DESCRIBE_TOKENS } = Operation;
export const { IDEMPOTENT_WRITE, TWO_PHASE_COMMIT } = Operation;

export const TOPIC_REFUSED = ErrorCode.TOPIC_AUTHORIZATION_FAILED;
export const GROUP_REFUSED = ErrorCode.GROUP_AUTHORIZATION_FAILED;
export const CLUSTER_REFUSED = ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
export const ID_REFUSED = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;

/** With Kafka's words for the code. */
export function refusal(errorCode: number): {
  readonly errorCode: number;
  readonly errorMessage: string;
} {
  return { errorCode, errorMessage: errorMessage(errorCode) ?? "" };
}
